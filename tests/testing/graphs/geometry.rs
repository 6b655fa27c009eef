//! A picture, read for its geometry. The reader also checks that the elements are closed in order.

/// What a rectangle stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// A state without children, a start or an end.
    State,
    /// A state with children, or one of several machines in it.
    Group,
    /// The text beside a line, or the name of a machine in a state.
    Label,
    /// The name of a state.
    Name,
    Title,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Box {
    role: Role,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Box {
    /// Whether the two overlap.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.left < other.right - SLACK
            && other.left < self.right - SLACK
            && self.top < other.bottom - SLACK
            && other.top < self.bottom - SLACK
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.left <= other.left + SLACK
            && self.top <= other.top + SLACK
            && self.right >= other.right - SLACK
            && self.bottom >= other.bottom - SLACK
    }

    pub(crate) fn holds(&self, x: f64, y: f64) -> bool {
        (self.left + SLACK..self.right - SLACK).contains(&x) && (self.top + SLACK..self.bottom - SLACK).contains(&y)
    }
}

/// A command of a path, and its points.
type Command = (char, Vec<(f64, f64)>);

pub(crate) struct Picture {
    view: Box,
    boxes: Vec<Box>,
    /// The points of each line, control points between them: `M` and `L` have one, `C` has three.
    paths: Vec<Vec<Command>>,
}

impl Picture {
    pub(crate) fn read(svg: &str) -> Self {
        let mut picture =
            Self { view: rectangle(Role::Title, 0.0, 0.0, 0.0, 0.0), boxes: Vec::new(), paths: Vec::new() };
        let mut open = Vec::new();
        for tag in tags(svg) {
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "the elements are closed in order");
                continue;
            }
            if !tag.ends_with('/') {
                open.push(name);
            }
            picture.add(name, tag);
        }
        assert_eq!(open, [""; 0]);
        picture
    }

    fn add(&mut self, name: &str, tag: &str) {
        let class = attribute(tag, "class").unwrap_or_default();
        let is = |word: &str| class.split(' ').any(|class| class == word);
        match name {
            "svg" => self.view = rectangle(Role::Title, 0.0, 0.0, number(tag, "width"), number(tag, "height")),
            "rect" if !is("paper") => {
                let role = if is("group") || is("region") { Role::Group } else { Role::State };
                let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(tag, name));
                self.boxes.push(rectangle(role, x, y, width, height));
            }
            // The end is two circles. The inner one is smaller than any start.
            "circle" if number(tag, "r") > 6.0 => {
                let [x, y, r] = ["cx", "cy", "r"].map(|name| number(tag, name));
                self.boxes.push(rectangle(Role::State, x - r, y - r, 2.0 * r, 2.0 * r));
            }
            "text" => {
                let role = if is("label") {
                    Role::Label
                } else if is("name") {
                    Role::Name
                } else {
                    Role::Title
                };
                let [x, baseline, size, width] = ["x", "y", "font-size", "textLength"].map(|name| number(tag, name));
                self.boxes.push(rectangle(role, x, baseline - 0.75 * size, width, size));
            }
            "path" if !is("tip") => self.paths.push(commands(attribute(tag, "d").expect("a path has points"))),
            _ => {}
        }
    }

    pub(crate) fn of(&self, role: Role) -> Vec<Box> {
        self.boxes.iter().filter(|thing| thing.role == role).cloned().collect()
    }

    pub(crate) fn width(&self) -> f64 {
        self.view.right
    }

    /// What is not inside the view, as text.
    pub(crate) fn outside(&self) -> Vec<String> {
        let boxes = self.boxes.iter().filter(|thing| !self.view.contains(thing)).map(|thing| format!("{thing:?}"));
        let points = self.paths.iter().flatten().flat_map(|(_, points)| points);
        let points = points.filter(|point| !self.view.holds(point.0, point.1)).map(|point| format!("{point:?}"));
        boxes.chain(points).collect()
    }

    /// Points of all lines.
    pub(crate) fn line_points(&self) -> Vec<(f64, f64)> {
        self.lines().concat()
    }

    /// Many points of each line.
    pub(crate) fn lines(&self) -> Vec<Vec<(f64, f64)>> {
        self.paths.iter().map(|path| sampled(path)).collect()
    }
}

fn sampled(path: &[Command]) -> Vec<(f64, f64)> {
    let mut at = (0.0, 0.0);
    let mut points = Vec::new();
    for (command, ends) in path {
        let end = *ends.last().expect("each command has a point");
        for step in 0..=16 {
            let t = f64::from(step) / 16.0;
            let mix = |one: f64, other: f64| one + (other - one) * t;
            points.push(match (command, ends.as_slice()) {
                ('C', [first, second, _]) => {
                    let along = |at: f64, first: f64, second: f64, end: f64| {
                        let (one, two, three) = (mix(at, first), mix(first, second), mix(second, end));
                        mix(mix(one, two), mix(two, three))
                    };
                    (along(at.0, first.0, second.0, end.0), along(at.1, first.1, second.1, end.1))
                }
                ('L', _) => (mix(at.0, end.0), mix(at.1, end.1)),
                _ => end,
            });
        }
        at = end;
    }
    points
}

fn commands(path: &str) -> Vec<Command> {
    let mut commands: Vec<(char, String)> = Vec::new();
    for c in path.chars() {
        match c.is_ascii_alphabetic() {
            true => commands.push((c, String::new())),
            false => commands.last_mut().expect("a path begins with a command").1.push(c),
        }
    }
    let point = |text: &str| {
        let (x, y) = text.split_once(',').expect("a point is a pair");
        (x.parse().expect("a number"), y.parse().expect("a number"))
    };
    commands.into_iter().map(|(command, points)| (command, points.split(' ').map(point).collect())).collect()
}

fn rectangle(role: Role, x: f64, y: f64, width: f64, height: f64) -> Box {
    Box { role, left: x, top: y, right: x + width, bottom: y + height }
}

/// The insides of the tags. Text has no `<` of its own.
fn tags(svg: &str) -> impl Iterator<Item = &str> {
    svg.split('<').skip(1).map(|text| text.split_once('>').expect("a tag is closed").0)
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

fn number(tag: &str, name: &str) -> f64 {
    attribute(tag, name).unwrap_or_else(|| panic!("{tag} has no {name}")).parse().expect("a number")
}

/// Numbers are rounded to tenths.
const SLACK: f64 = 0.15;
