use may::net::TcpListener;
use std::io::{Read, Write};

fn main() {
    may::config().set_workers(1).set_stack_size(0x1000);
    let l = TcpListener::bind(("127.0.0.1", common::port_argument())).unwrap();
    common::ready();
    loop {
        if let Ok((mut s, _)) = l.accept() {
            let _ = s.set_nodelay(true);
            may::go!(move || {
                let mut b = vec![0u8; 16384];
                loop {
                    match s.read(&mut b) {
                        Ok(n) if n > 0 => {
                            if s.write_all(&b[..n]).is_err() {
                                return;
                            }
                        }
                        _ => return,
                    }
                }
            });
        }
    }
}
