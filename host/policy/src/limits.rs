//! Every bound of a script with its reason. Apart so that two bounds that must agree stand side by
//! side; nothing here may be changed at run time.

/// Operations of one run. The longest shipped policy takes under 200; a loop over every live
/// transaction of a large book stays below this, and an endless loop reaches it within the run's
/// 5 ms.
pub const OPERATIONS_MAX: u64 = 50_000;

/// Operations of one test function: it drives many runs, each with its own bound.
pub const TEST_OPERATIONS_MAX: u64 = 1_000_000;

/// Operations of all runs of a rehearsal: fifty that go on to their bound, a quarter of a second.
pub const REHEARSAL_OPERATIONS_MAX: u64 = 50 * OPERATIONS_MAX;

/// Calls within calls. Each takes some kilobytes of a thread's stack in an unoptimized build.
pub const CALL_LEVELS_MAX: usize = 16;

/// Depth of an expression at the top of a file and within a function.
pub const EXPRESSION_DEPTHS_MAX: (usize, usize) = (64, 32);

/// Variables alive at once; with the sizes below it bounds a script's memory.
pub const VARIABLES_MAX: usize = 64;

/// Functions of one file.
pub const FUNCTIONS_MAX: usize = 64;

/// Bytes of a string.
pub const STRING_BYTES_MAX: usize = 4_096;

/// Elements of an array: also the most transactions that `transactions()` lists.
pub const ARRAY_LENGTH_MAX: usize = 1_000;

/// Entries of a map. Rhai counts them when the map is next handed to a function; growth by
/// `map[key] = value` alone is bounded by [`OPERATIONS_MAX`], at some 30 MB with the longest keys.
pub const MAP_LENGTH_MAX: usize = 200;

/// Bytes of what a policy keeps of a transaction, as JSON: it is written with each change.
pub const STATE_BYTES_MAX: usize = 16 * 1_024;

/// Characters of a metric's name.
pub const METRIC_NAME_MAX: usize = 40;

/// Intents, alerts, notes and metrics of one run, each.
pub const SAYINGS_MAX: usize = 64;

/// Characters of a reason; longer ones are cut.
pub const WHY_LENGTH_MAX: usize = 200;

/// How many operations pass between two looks at the run's budget.
pub const BUDGET_STRIDE: u64 = 256;

/// Bars of an average true range, where a script names no number.
pub const ATR_BARS: i64 = 14;

/// Most bars that one figure looks at.
pub const FIGURE_BARS_MAX: i64 = 500;

const _: () = assert!(BUDGET_STRIDE.is_power_of_two() && BUDGET_STRIDE < OPERATIONS_MAX);
