//! Replacing a file as a whole.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::mpsc::{Receiver, Sender, channel};

use innermost::fs::{write, write_atomically};

use crate::help::*;

#[test]
fn a_file_is_replaced_by_another_one_with_its_permissions() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let former = fs::metadata(&path).unwrap().ino();
    event_loop.run_until_complete(write_atomically(&path, "new")).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), place.names()), ("new", vec!["file".to_owned()]));
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
    assert_ne!(metadata.ino(), former);
    let created = place.path().join("created");
    event_loop.run_until_complete(write_atomically(&created, "")).unwrap();
    let usual = place.path().join("usual");
    fs::write(&usual, "").unwrap();
    assert_eq!(fs::metadata(&created).unwrap().mode(), fs::metadata(&usual).unwrap().mode());
}

#[test]
fn the_file_behind_a_link_is_replaced() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("old");
    let (link, dangling) = (place.path().join("link"), place.path().join("dangling"));
    std::os::unix::fs::symlink("file", &link).unwrap();
    std::os::unix::fs::symlink("link", place.path().join("another")).unwrap();
    std::os::unix::fs::symlink("later", &dangling).unwrap();
    event_loop.run_until_complete(write_atomically(place.path().join("another"), "new")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    event_loop.run_until_complete(write_atomically(&dangling, "later")).unwrap();
    assert_eq!(fs::read_to_string(place.path().join("later")).unwrap(), "later");
    std::os::unix::fs::symlink("circle", place.path().join("circle")).unwrap();
    let raised = event_loop.run_until_complete(write_atomically(place.path().join("circle"), "")).unwrap_err();
    assert!(notes(&raised).starts_with("replacing \""), "{raised:?}");
    assert_eq!(place.names(), ["another", "circle", "dangling", "file", "later", "link"]);
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let (event_loop, place) = (strict_loop(), Place::new());
    fs::create_dir(place.path().join("directory")).unwrap();
    for path in ["/dev/null".into(), place.path().join("directory"), "/".into()] {
        let raised = event_loop.run_until_complete(write_atomically(&path, "text")).unwrap_err();
        assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::InvalidInput, format!("replacing {path:?}")));
    }
    let path = place.path().join("none/file");
    let raised = event_loop.run_until_complete(write_atomically(path, "text")).unwrap_err();
    assert_eq!(kind(&raised), ErrorKind::NotFound);
    assert_eq!(place.names(), ["directory"]);
}

/// Bytes that say when they are wanted, and are there once the test says so.
struct Later(Sender<()>, Receiver<()>);

impl AsRef<[u8]> for Later {
    fn as_ref(&self) -> &[u8] {
        self.0.send(()).unwrap();
        self.1.recv().unwrap();
        b"new"
    }
}

#[test]
fn a_replacement_that_is_cancelled_leaves_the_old_file_and_nothing_else() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("old");
    let ((wanted, is_wanted), (say, says)) = (channel(), channel());
    let task = event_loop.create_task(write_atomically(&path, Later(wanted, says))).unwrap();
    turn(&event_loop);
    is_wanted.recv().unwrap();
    task.cancel();
    settle(&event_loop);
    assert!(!task.done());
    say.send(()).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), place.names()), ("old", vec!["file".to_owned()]));
}

/// Runs itself again in a mount namespace of its own, with a disk of 256 KiB.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    const NAME: &str = "INNERMOST_FILES_SMALL_DISK";
    if let Some(disk) = std::env::var_os(NAME) {
        let event_loop = strict_loop();
        let path = std::path::Path::new(&disk).join("file");
        fs::write(&path, "old").unwrap();
        let raised = event_loop.run_until_complete(write_atomically(&path, vec![1; 1 << 20])).unwrap_err();
        assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::StorageFull, format!("replacing {path:?}")));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
        // Half of a plain write stays.
        let raised = event_loop.run_until_complete(write(&path, vec![1; 1 << 20])).unwrap_err();
        assert_eq!(kind(&raised), ErrorKind::StorageFull);
        // The bytes that did not fit stay in the buffer.
        let file = opened(&path);
        let full = fs::metadata(&path).unwrap().len();
        fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        fill(&file, &vec![2; 1 << 20]);
        assert_eq!(kind(&event_loop.run_until_complete(writing(&file)).unwrap_err()), ErrorKind::StorageFull);
        assert_eq!((position(&file), bytes(&file).len() as u64), (full, (1 << 20) - full));
        return println!("the small disk was tried");
    }
    let place = Place::new();
    let script = "mount -t tmpfs -o size=256k none \"$1\" && exec \"$0\" --exact \
                  atomic::a_full_disk_leaves_the_old_file_and_nothing_else --nocapture";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(std::env::current_exe().unwrap()).arg(place.path());
    let Ok(run) = command.env(NAME, place.path()).output() else { return println!("there is no unshare here") };
    let printed = String::from_utf8_lossy(&run.stdout);
    let complaint = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() && !printed.contains("running 1 test") {
        return println!("nobody may mount a disk here: {complaint}");
    }
    assert!(run.status.success() && printed.contains("the small disk was tried"), "{printed}\n{complaint}");
}
