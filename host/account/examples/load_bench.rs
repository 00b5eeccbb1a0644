//! What loading a plugin costs with the compiler and from the cache: `load_bench PLUGIN.wasm DIR`.
//! Build it in release mode.

use std::time::Instant;

use bracketd_account::{CompiledCache, Host};

/// Loads from the cache.
const LOADS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(dir)) = (args.next(), args.next()) else {
        return Err("usage: load_bench PLUGIN.wasm DIR".into());
    };
    let dir = std::path::Path::new(&dir).join("load_bench");
    std::fs::create_dir_all(&dir)?;
    let (host, cache) = (Host::new()?, CompiledCache::open(&dir)?);
    let bytes = std::fs::read(&wasm)?;
    let began = Instant::now();
    host.load(&bytes, &wasm)?;
    println!("load with the compiler: {} us", began.elapsed().as_micros());
    host.load_cached(&bytes, &wasm, &cache)?;
    let mut times = Vec::with_capacity(LOADS);
    for _ in 0..LOADS {
        let began = Instant::now();
        let plugin = host.load_cached(&bytes, &wasm, &cache)?;
        times.push(began.elapsed().as_micros());
        if !plugin.is_from_cache() {
            return Err("it was compiled again".into());
        }
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(LOADS * percent / 100).copied().unwrap_or_default();
    println!("load from the cache: p50={} us, p99={} us", at(50), at(99));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
