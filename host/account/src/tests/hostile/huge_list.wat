;; Hands http 400000 headers, all of them empty.
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (drop (memory.grow (i32.const 128)))
  (call $send
    (i32.const 1104) (i32.const 3) (i32.const 2048) (i32.const URL_LENGTH)
    (i32.const 65536) (i32.const 400000)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 4608))
  unreachable)
