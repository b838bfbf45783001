"""Any number of cases: files and tables in, answers out, nothing lost."""
