;; Posts an order from `get-order`, and calls it a read.
(func (export "ACCOUNT#get-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32) (result i32)
  (call $request (i32.const 1112) (i32.const 4) (local.get 8) (local.get 9))
  (call $tell (i32.const 0)))
