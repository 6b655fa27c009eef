use compio::io::{AsyncRead, AsyncWriteExt};

fn main() {
    let rt = compio::runtime::Runtime::new().unwrap();
    rt.block_on(async {
        let l = compio::net::TcpListener::from_std(common::listen(common::port_argument())).unwrap();
        common::ready();
        loop {
            if let Ok((mut s, _)) = l.accept().await {
                compio::runtime::spawn(async move {
                    let mut b: Vec<u8> = Vec::with_capacity(16384);
                    loop {
                        let compio::buf::BufResult(r, b2) = s.read(b).await;
                        match r {
                            Ok(n) if n > 0 => {}
                            _ => return,
                        }
                        let compio::buf::BufResult(r, mut b2) = s.write_all(b2).await;
                        if r.is_err() {
                            return;
                        }
                        b2.clear();
                        b = b2;
                    }
                })
                .detach();
            }
        }
    });
}
