;; Takes all the memory there is, page by page.
(func (export "ACCOUNT#cancel-order") (param i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
  (loop $more (drop (memory.grow (i32.const 1))) (br $more)) unreachable)
