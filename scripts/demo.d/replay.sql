-- Each edit is a transaction of its own, in the order of their HLCs.
SELECT statement FROM demo.statement ORDER BY n \gexec
