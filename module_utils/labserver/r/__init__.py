"""Packages of R: request, plan, installation and removal, and the results of the labs."""
