//! Checks of exceptions.

use innermost::{Exception, Kind};

pub(crate) fn assert_runtime_error<T: std::fmt::Debug>(result: Result<T, Exception>, text: &str) {
    let raised = result.unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, text));
}
