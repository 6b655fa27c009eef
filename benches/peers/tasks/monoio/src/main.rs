//! monoio, with channels of local-sync. Arguments: BENCH N [legacy|uring]. A pump task implements yields: see `rt::Yield`.
mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    pub fn spawn<F: Future<Output = ()> + 'static>(f: F) -> monoio::task::JoinHandle<()> {
        monoio::spawn(f)
    }
    pub use std::mem::drop as forget;
    // monoio puts a task that wakes itself at the front of its queue, so a yield with `wake_by_ref` would starve the others. A
    // pump task wakes the yielding tasks instead, which puts them at the back.
    type Pump = (std::collections::VecDeque<Waker>, Option<Waker>);
    thread_local! { static PUMP: std::cell::RefCell<Pump> = std::cell::RefCell::default(); }
    pub struct Yield(bool);
    impl Future for Yield {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            let p = PUMP.with(|p| {
                let mut p = p.borrow_mut();
                p.0.push_back(cx.waker().clone());
                p.1.take()
            });
            if let Some(p) = p {
                p.wake();
            }
            Poll::Pending
        }
    }
    pub async fn pump() {
        std::future::poll_fn::<(), _>(|cx| {
            while let Some(w) = PUMP.with(|p| p.borrow_mut().0.pop_front()) {
                w.wake();
            }
            PUMP.with(|p| p.borrow_mut().1 = Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }
    pub fn yield_now() -> Yield {
        Yield(false)
    }
    pub use monoio::time::sleep;
    pub type OneTx = local_sync::oneshot::Sender<()>;
    pub struct OneRx(local_sync::oneshot::Receiver<()>);
    impl Future for OneRx {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
        }
    }
    pub fn one() -> (OneTx, OneRx) {
        let (t, r) = local_sync::oneshot::channel();
        (t, OneRx(r))
    }
    pub fn one_send(t: OneTx) {
        t.send(()).unwrap()
    }
    pub type Tx = local_sync::mpsc::unbounded::Tx<u64>;
    pub type Rx = local_sync::mpsc::unbounded::Rx<u64>;
    pub fn chan() -> (Tx, Rx) {
        local_sync::mpsc::unbounded::channel()
    }
    #[inline]
    pub async fn send(t: &mut Tx, v: u64) {
        assert!(t.send(v).is_ok())
    }
    #[inline]
    pub async fn recv(r: &mut Rx) -> u64 {
        r.recv().await.unwrap()
    }
}
common::tasks!();
fn main() {
    let (b, n) = common::bench_arguments();
    if std::env::args().nth(3).as_deref() == Some("legacy") {
        monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().enable_timer().build().unwrap().block_on(async {
            let _p = monoio::spawn(rt::pump());
            monoio::spawn(run_bench("monoio, epoll", b, n)).await
        });
    } else {
        monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap().block_on(async {
            let _p = monoio::spawn(rt::pump());
            monoio::spawn(run_bench("monoio, io_uring", b, n)).await
        });
    }
}
