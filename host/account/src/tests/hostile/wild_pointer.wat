;; Hands the log a message that ends beyond its memory.
(import "HOST/log@ABI" "emit" (func $emit (param i32 i32 i32 i32 i32)))
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (call $emit (i32.const 2) (i32.const -16) (i32.const 64) (i32.const 0) (i32.const 0))
  unreachable)
