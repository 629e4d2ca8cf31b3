"""The controllers, all in one process: each watches objects, and writes what is missing under an identity of its own.

`framework` runs them, `table` lists them, `manager` is the process.  A controller is a module or a package with a `build` function; what it
decides is in small functions over plain objects, and what it does to the cluster goes through functions that it is handed.
"""
