//! What loading a plugin costs with the compiler and from the cache: `load_bench PLUGIN.wasm DIR`.
//! Build it in release mode. On a busy machine only the best one says something of the program.

use std::time::Instant;

use bracketd_account::{CompiledCache, Host};

/// Loads from the cache.
const LOADS: usize = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(wasm), Some(dir)) = (args.next(), args.next()) else {
        return Err("usage: load_bench PLUGIN.wasm DIR".into());
    };
    let dir = std::path::Path::new(&dir).join("load_bench.data");
    std::fs::create_dir_all(&dir)?;
    let (host, cache) = (Host::new()?, CompiledCache::open(&dir)?);
    let bytes = std::fs::read(&wasm)?;
    let began = Instant::now();
    host.load(&bytes, &wasm)?;
    println!("load with the compiler: {} us", began.elapsed().as_micros());
    host.load_cached(&bytes, &wasm, &cache)?;
    let (mut loads, mut digests) = (Vec::new(), Vec::new());
    for _ in 0..LOADS {
        let began = Instant::now();
        std::hint::black_box(bracketd_account::digest(&bytes));
        digests.push(began.elapsed().as_micros());
        let began = Instant::now();
        let plugin = host.load_cached(&bytes, &wasm, &cache)?;
        loads.push(began.elapsed().as_micros());
        if !plugin.is_from_cache() {
            return Err("it was compiled again".into());
        }
    }
    println!(
        "load from the cache: best={} us, p50={} us, p99={} us; of them the SHA-256 of {} bytes: \
         best={} us",
        at(&mut loads, 0),
        at(&mut loads, 50),
        at(&mut loads, 99),
        bytes.len(),
        at(&mut digests, 0),
    );
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn at(values: &mut [u128], percent: usize) -> u128 {
    values.sort_unstable();
    values.get(values.len() * percent / 100).copied().unwrap_or_default()
}
