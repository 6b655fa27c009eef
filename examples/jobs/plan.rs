//! Reading a file of jobs, and the order of its jobs: each after those that it needs, and otherwise as in the file.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A job to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// The places of the jobs that it needs, in the plan. All come before it.
    pub(crate) needs: Vec<usize>,
    /// Lines for `/bin/sh`. Empty if the job only stands for those that it needs.
    pub(crate) script: String,
}

/// A job as it stands in the file.
struct Entry<'a> {
    name: &'a str,
    needs: Vec<&'a str>,
    script: String,
}

/// Plans the jobs of `text` that `targets` need, or all if there are no targets.
///
/// # Errors
///
/// Returns a message for the user: about a line that cannot be parsed, a name that is missing or defined twice, or jobs
/// that need each other.
pub(crate) fn plan(text: &str, targets: &[String]) -> Result<Vec<Rule>, String> {
    let entries = read(text)?;
    let mut places = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if places.insert(entry.name, place).is_some() {
            return Err(format!("{}: this name is there twice", entry.name));
        }
    }
    let find = |name: &str| places.get(name).copied().ok_or_else(|| format!("{name}: there is no such job"));
    let find_all = |names: &[&str]| names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>();
    let needs = entries.iter().map(|entry| find_all(&entry.needs)).collect::<Result<Vec<_>, _>>()?;
    let wanted = targets.iter().map(|target| find(target)).collect::<Result<Vec<_>, _>>()?;
    let order = ordered(&needs, &wanted).map_err(|left| {
        let names: Vec<_> = left.into_iter().map(|place| entries[place].name).collect();
        format!("{}: these jobs need each other", names.join(", "))
    })?;
    let place_in_plan: HashMap<_, _> = order.iter().enumerate().map(|(place, entry)| (*entry, place)).collect();
    let rule = |entry: &usize| Rule {
        name: entries[*entry].name.to_owned(),
        needs: needs[*entry].iter().map(|need| place_in_plan[need]).collect(),
        script: entries[*entry].script.clone(),
    };
    Ok(order.iter().map(rule).collect())
}

fn read(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("line {}: {what}", number + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let last = entries.last_mut().ok_or_else(|| wrong("a command without a job"))?;
            last.script += line.trim_start();
            last.script += "\n";
            continue;
        }
        let (name, needs) = line.split_once(':').ok_or_else(|| wrong("expected a name and a colon"))?;
        let needs = needs.split_whitespace().collect();
        entries.push(Entry { name: name.trim(), needs, script: String::new() });
    }
    Ok(entries)
}

/// Orders the jobs that are wanted, and what they need. `needs` has the needs of each job.
///
/// # Errors
///
/// Returns the jobs that need each other, and those that need them.
fn ordered(needs: &[Vec<usize>], wanted: &[usize]) -> Result<Vec<usize>, Vec<usize>> {
    let mut is_wanted = vec![wanted.is_empty(); needs.len()];
    let mut reached = wanted.to_vec();
    while let Some(job) = reached.pop() {
        if !std::mem::replace(&mut is_wanted[job], true) {
            reached.extend(&needs[job]);
        }
    }
    let mut missing: Vec<_> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (job, needs) in needs.iter().enumerate().filter(|(job, _)| is_wanted[*job]) {
        needs.iter().for_each(|need| needed_by[*need].push(job));
    }
    let is_ready = |job: &usize| is_wanted[*job] && needs[*job].is_empty();
    let mut ready: BinaryHeap<_> = (0..needs.len()).filter(is_ready).map(Reverse).collect();
    let mut order = Vec::new();
    while let Some(Reverse(job)) = ready.pop() {
        order.push(job);
        for other in &needed_by[job] {
            missing[*other] -= 1;
            if missing[*other] == 0 {
                ready.push(Reverse(*other));
            }
        }
    }
    let left: Vec<_> = (0..needs.len()).filter(|job| is_wanted[*job] && missing[*job] > 0).collect();
    if left.is_empty() { Ok(order) } else { Err(left) }
}
