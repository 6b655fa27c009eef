//! monoio. The second argument chooses the driver: `uring` (the default) or `legacy` (epoll).
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};

async fn serve() {
    let l = monoio::net::TcpListener::from_std(common::listen(common::port_argument())).unwrap();
    common::ready();
    loop {
        if let Ok((mut s, _)) = l.accept().await {
            let _ = s.set_nodelay(true);
            monoio::spawn(async move {
                let mut b: Vec<u8> = Vec::with_capacity(16384);
                loop {
                    let (r, b2) = s.read(b).await;
                    match r {
                        Ok(n) if n > 0 => {}
                        _ => return,
                    }
                    let (r, mut b2) = s.write_all(b2).await;
                    if r.is_err() {
                        return;
                    }
                    b2.clear();
                    b = b2;
                }
            });
        }
    }
}

fn main() {
    let mode = std::env::args().nth(2).unwrap_or("uring".into());
    if mode == "legacy" {
        monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().build().unwrap().block_on(serve());
    } else {
        let ent: u32 = std::env::args().nth(3).and_then(|x| x.parse().ok()).unwrap_or(1024);
        monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().with_entries(ent).build().unwrap().block_on(serve());
    }
}
