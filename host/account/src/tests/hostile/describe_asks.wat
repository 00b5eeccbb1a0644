;; Looks at the clock in `describe`, so as to be somebody else at another time.
(import "HOST/clock@ABI" "now" (func $now (result i64)))
(func (export "ACCOUNT#describe") (result i32) (drop (call $now)) unreachable)
