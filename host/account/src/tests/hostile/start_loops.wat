;; Never gets through its own start.
(func $run (loop $again (br $again)))
(start $run)
