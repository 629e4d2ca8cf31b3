"""What belongs here: suites of policy tests, run through the real chain in one process, without a server.

A suite is read and checked (`suite`), its world is put into a store in memory (`world`), and each of its cases is a request to the
pipeline of `app` (`chain`), whose outcome is compared with what the case expects.
"""
