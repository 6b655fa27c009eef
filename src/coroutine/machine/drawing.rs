//! A machine's transitions: as a diagram, and as a question for tests.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use super::Machine;

/// The transitions of a machine, drawn by [Mermaid](https://mermaid.js.org), which many viewers of Markdown render.
///
/// It needs no standard library. With the feature `testing`, `testing::Graph` also draws pictures, shows how the machine
/// starts, and compares the transitions with those that were seen.
///
/// ```
/// use innermost::coroutine::machine::Diagram;
/// use innermost::{Exception, Machine, machine};
///
/// struct Light;
///
/// machine!(
///     impl Machine for Light {
///         type Yield = &'static str;
///         type State = Color;
///
///         fn Green(&mut self) -> Next<Red> {
///             yield_to("go", Red)
///         }
///
///         fn Red(&mut self) -> Next<Green, End> {
///             yield_to("stop", Green)
///         }
///
///         fn raised(&mut self, _raised: Exception) -> Next<Red> {
///             to(Red)
///         }
///     }
/// );
///
/// let drawn = "stateDiagram-v2
///     Green --> Red
///     Red --> Green
///     Red --> [*]
///     any: any state
///     any --> Red: raised
/// ";
/// assert_eq!(Diagram::<Light>::new().to_string(), drawn);
/// assert_eq!(Light.start(Color::Green).at().map(Light::name_of), Some("Green"));
/// ```
pub struct Diagram<M>(PhantomData<fn() -> M>);

impl<M: Machine> Diagram<M> {
    /// The diagram of `M`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Machine> Default for Diagram<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Machine> fmt::Display for Diagram<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stateDiagram-v2\n")?;
        for (from, following) in M::TRANSITIONS {
            for to in *following {
                writeln!(f, "    {from} --> {}", drawn(to))?;
            }
        }
        if !(M::ON_THROWN.is_empty() && M::ON_RAISED.is_empty()) {
            f.write_str("    any: any state\n")?;
        }
        for to in M::ON_THROWN {
            writeln!(f, "    any --> {}: thrown", drawn(to))?;
        }
        for to in M::ON_RAISED {
            writeln!(f, "    any --> {}: raised", drawn(to))?;
        }
        Ok(())
    }
}

impl<M: Machine> fmt::Debug for Diagram<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How Mermaid writes the end.
fn drawn(state: &'static str) -> &'static str {
    if state == "End" { "[*]" } else { state }
}

/// The states of `M` that no path leads to from the states named in `starts`, in the order in which they are declared.
///
/// A test can assert that there are none. The hooks lead from any state, so their targets can be reached.
///
/// ```
/// use innermost::coroutine::machine::unreachable_states;
/// use innermost::{Machine, machine};
///
/// struct Light;
///
/// machine!(
///     impl Machine for Light {
///         type Yield = &'static str;
///         type State = Color;
///
///         fn Green(&mut self) -> Next<Red> {
///             yield_to("go", Red)
///         }
///
///         fn Red(&mut self) -> Next<Green> {
///             yield_to("stop", Green)
///         }
///
///         fn Blinking(&mut self) -> Next<Red> {
///             yield_to("careful", Red)
///         }
///     }
/// );
///
/// assert_eq!(unreachable_states::<Light>(&["Green"]), ["Blinking"]);
/// assert!(unreachable_states::<Light>(&["Blinking"]).is_empty());
/// # let _ = Light.start(Color::Green);
/// ```
pub fn unreachable_states<M: Machine>(starts: &[&str]) -> Vec<&'static str> {
    let mut reached: Vec<&str> = starts.to_vec();
    reached.extend(M::ON_THROWN.iter().chain(M::ON_RAISED));
    let mut next = 0;
    while let Some(&from) = reached.get(next) {
        next += 1;
        for (_, following) in M::TRANSITIONS.iter().filter(|(name, _)| *name == from) {
            for to in *following {
                if !reached.contains(to) {
                    reached.push(to);
                }
            }
        }
    }
    let names = M::TRANSITIONS.iter().map(|(name, _)| *name);
    names.filter(|name| !reached.contains(name)).collect()
}
