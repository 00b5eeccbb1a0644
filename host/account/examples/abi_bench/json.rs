//! The same call as JSON over a core module, from the host's side.
//!
//! Apart because it stands in for an interface that is not ours. It must be given every advantage: the
//! same limits of the engine, and none of the account's bookkeeping.

#[allow(missing_docs, unreachable_pub, reason = "it is a library elsewhere, its fields the WIT's")]
#[path = "../json_guest/src/types.rs"]
mod types;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bracketd_core::Decimal;
use types::{Adjusted, Band, Bracket, Ctx, Instrument, Leg, Request, Role};
use wasmtime::{Config, Engine, Instance, Memory, Module, Store, TypedFunc};

type Failure = Box<dyn std::error::Error>;

/// A guest that speaks JSON.
pub(super) struct Guest {
    store: Store<()>,
    memory: Memory,
    room: TypedFunc<u32, u32>,
    adjust: TypedFunc<(u32, u32), u64>,
    done: TypedFunc<(u32, u32), ()>,
}

impl Guest {
    /// Instantiates it in an engine with the settings of the account host.
    pub(super) fn load(wasm: &[u8]) -> Result<Self, Failure> {
        let mut config = Config::new();
        config.epoch_interruption(true).cranelift_nan_canonicalization(true);
        let engine = Engine::new(&config)?;
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = Instance::new(&mut store, &Module::new(&engine, wasm)?, &[])?;
        Ok(Self {
            memory: instance.get_memory(&mut store, "memory").ok_or("it has no memory")?,
            room: instance.get_typed_func(&mut store, "room")?,
            adjust: instance.get_typed_func(&mut store, "adjust_sl")?,
            done: instance.get_typed_func(&mut store, "done")?,
            store,
        })
    }

    /// What a call takes from our types to our types.
    pub(super) fn median_ns(&mut self, calls: usize) -> Result<u64, Failure> {
        let mut times: Vec<Duration> = Vec::with_capacity(calls);
        for _ in 0..calls {
            let began = Instant::now();
            let numbers = self.call()?;
            times.push(began.elapsed());
            if numbers != 6 {
                return Err(format!("{numbers} numbers came back").into());
            }
        }
        times.sort_unstable();
        let middle = times.get(calls / 2).ok_or("no call")?;
        Ok(u64::try_from(middle.as_nanos())?)
    }

    /// One call; how many numbers its answer has.
    fn call(&mut self) -> Result<usize, Failure> {
        let text = serde_json::to_vec(&request())?;
        let bytes = u32::try_from(text.len())?;
        let at = self.room.call(&mut self.store, bytes)?;
        self.memory.write(&mut self.store, at as usize, &text)?;
        let answer = self.adjust.call(&mut self.store, (at, bytes))?;
        let (to, length) = (answer as u32, (answer >> 32) as u32);
        let range = to as usize..(to + length) as usize;
        let said = self.memory.data(&self.store).get(range).ok_or("beyond its memory")?;
        let adjusted: Adjusted = serde_json::from_slice(said)?;
        self.done.call(&mut self.store, (at, bytes))?;
        self.done.call(&mut self.store, (to, length))?;
        if adjusted.how != "unchanged" {
            return Err(format!("it answered {adjusted:?}").into());
        }
        let mut numbers = 0;
        for leg in &adjusted.legs {
            let all = [leg.price.as_ref(), leg.stop_price.as_ref(), Some(&leg.qty)];
            for text in all.into_iter().flatten().chain([&leg.filled_qty]) {
                black_box(text.parse::<Decimal>()?);
                numbers += 1;
            }
        }
        Ok(numbers)
    }
}

/// What `call_cost` asks: a held position with a linked pair, whose stop is where it shall be.
fn request() -> Request {
    let own = str::to_owned;
    let leg = |role, id: &str, price: Option<&str>, stop: Option<&str>| Leg {
        role,
        broker_id: own(id),
        client_id: None,
        group_id: Some(own("g")),
        link: own("oco"),
        state: own("working"),
        price: price.map(own),
        stop_price: stop.map(own),
        qty: Decimal::TEN.to_string(),
        filled_qty: Decimal::ZERO.to_string(),
    };
    Request {
        ctx: Ctx {
            op_id: own("op"),
            client_id: own("client"),
            attempt: 1,
            budget_ms: 1_000,
            generation: 1,
        },
        bracket: Bracket {
            bracket_id: own("1-0"),
            instrument: Instrument {
                symbol: own("SAMPLE"),
                broker_symbol: own("SAMPLE"),
                currency: own("USD"),
                bands: vec![Band { above: own("0"), tick: own("0.01") }],
                qty_step: own("1"),
                min_qty: own("1"),
                max_qty: None,
                min_notional: None,
                multiplier: own("1"),
                features: ["native-oco", "replace-in-place"].map(str::to_owned).to_vec(),
                ext: Vec::new(),
            },
            entry_side: own("buy"),
            held_qty: Decimal::TEN.to_string(),
            protect_qty: Decimal::TEN.to_string(),
            legs: vec![
                leg(Role::TakeProfit, "target", Some("110"), None),
                leg(Role::StopLoss, "stop", None, Some("95")),
            ],
            tif: own("gtc"),
            memo: Vec::new(),
        },
        stop: Decimal::from(95).to_string(),
    }
}
