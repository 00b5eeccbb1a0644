;; Wants the environment of the process. A component as it is, not fields of the usual guest.
(component
  (import "wasi:cli/environment@0.2.0" (instance
    (export "get-environment" (func (result (list (tuple string string))))))))
