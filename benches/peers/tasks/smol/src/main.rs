//! smol: the `LocalExecutor` of async-executor, timers of async-io, async-channel, and oneshot channels of futures-channel.
use async_executor::LocalExecutor;
thread_local! {
    static EX: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
}
mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    pub fn spawn<F: Future<Output = ()> + 'static>(f: F) -> async_executor::Task<()> {
        super::EX.with(|e| e.spawn(f))
    }
    pub fn forget(task: async_executor::Task<()>) {
        task.detach();
    }
    pub use futures_lite::future::yield_now;
    pub fn sleep(d: std::time::Duration) -> async_io::Timer {
        async_io::Timer::after(d)
    }
    pub type OneTx = futures_channel::oneshot::Sender<()>;
    pub struct OneRx(futures_channel::oneshot::Receiver<()>);
    impl Future for OneRx {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            Pin::new(&mut self.0).poll(cx).map(|r| r.unwrap())
        }
    }
    pub fn one() -> (OneTx, OneRx) {
        let (t, r) = futures_channel::oneshot::channel();
        (t, OneRx(r))
    }
    pub fn one_send(t: OneTx) {
        t.send(()).unwrap()
    }
    pub type Tx = async_channel::Sender<u64>;
    pub type Rx = async_channel::Receiver<u64>;
    pub fn chan() -> (Tx, Rx) {
        async_channel::unbounded()
    }
    #[inline]
    pub async fn send(t: &mut Tx, v: u64) {
        t.try_send(v).unwrap()
    }
    #[inline]
    pub async fn recv(r: &mut Rx) -> u64 {
        r.recv().await.unwrap()
    }
}
common::tasks!();
fn main() {
    let (b, n) = common::bench_arguments();
    let ex = EX.with(|e| *e);
    async_io::block_on(ex.run(async { rt::spawn(run_bench("smol", b, n)).await }));
}
