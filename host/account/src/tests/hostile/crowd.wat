;; Holds 25000 positions of nothing.
(func (export "ACCOUNT#get-positions") (param i32 i32 i32 i32 i32 i32 i64) (result i32)
  (local $at i32)
  (drop (memory.grow (i32.const 64)))
  (local.set $at (i32.const 65536))
  (loop $more
    (i32.store (local.get $at) (i32.const 1040))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 128)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 3265536))))
  (memory.fill (i32.const 4352) (i32.const 0) (i32.const 128))
  (i32.store (i32.const 4360) (i32.const 65536))
  (i32.store (i32.const 4364) (i32.const 25000))
  (i32.const 4352))
