"""AWS: what carries our tags there, what it costs, where machines fit, and what went wrong.

Imports go one way: errors, client, prices, resources, survey, plan, tables; limits, place, console, instances,
machines, addresses, volumes and security_groups need errors, client, waiting and resources only; policy needs nothing.
"""
