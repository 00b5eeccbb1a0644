;; Calls itself until the stack is used up.
(func $deeper (param i32) (result i32)
  (i32.add (call $deeper (local.get 0)) (i32.const 1)))
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (call $deeper (i32.const 1)))
