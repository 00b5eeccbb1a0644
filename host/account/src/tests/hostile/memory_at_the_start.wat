;; Wants more memory than its limit before anything runs: a table of data would be as good.
(memory $second 1024)
