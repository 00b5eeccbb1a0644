;; Does not say what it is.
(func (export "ACCOUNT#describe") (result i32) unreachable)
