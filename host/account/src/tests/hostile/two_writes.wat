;; Posts the order it was asked for, and then one of its own.
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (call $request (i32.const 1112) (i32.const 4) (local.get 7) (local.get 8))
  (call $request (i32.const 1112) (i32.const 4) (local.get 7) (local.get 8))
  (call $tell (i32.const 0)))
