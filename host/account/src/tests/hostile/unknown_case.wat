;; Answers with a case of `progress` that there is not.
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
  (i32.store8 (i32.const 4368) (i32.const 99))
  (i32.const 4352))
