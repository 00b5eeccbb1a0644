;; Claims more cash than a decimal can say.
(func (export "ACCOUNT#connect") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (i64.store (i32.const 4232) (i64.const 9223372036854775807))
  (i32.store (i32.const 4304) (i32.const 1088)) (i32.store (i32.const 4308) (i32.const 3))
  (i32.const 4224))
