;; Answers with 2^28 orders.
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
  (i32.store (i32.const 4360) (i32.const 8))
  (i32.store (i32.const 4364) (i32.const 268435456))
  (i32.const 4352))
