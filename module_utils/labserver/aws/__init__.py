"""AWS: what carries our tags there, what it costs, where machines fit, and what went wrong.

Imports go one way: errors, client, prices, resources, survey, plan, tables; place, console, volumes, security_groups
need errors, client and resources only.
"""
