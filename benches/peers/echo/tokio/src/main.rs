use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn main() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mode = std::env::args().nth(2).unwrap_or_default();
    async fn echo(mut s: tokio::net::TcpStream) {
        let _ = s.set_nodelay(true);
        let mut b = vec![0u8; 16384];
        loop {
            match s.read(&mut b).await {
                Ok(n) if n > 0 => {
                    if s.write_all(&b[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
    let std_l = common::listen(common::port_argument());
    if mode == "localset" {
        let ls = tokio::task::LocalSet::new();
        ls.block_on(&rt, async {
            let l = tokio::net::TcpListener::from_std(std_l).unwrap();
            common::ready();
            loop {
                if let Ok((s, _)) = l.accept().await {
                    tokio::task::spawn_local(echo(s));
                }
            }
        });
    } else {
        rt.block_on(async {
            let l = tokio::net::TcpListener::from_std(std_l).unwrap();
            common::ready();
            loop {
                if let Ok((s, _)) = l.accept().await {
                    tokio::spawn(echo(s));
                }
            }
        });
    }
}
