//! A picture: SVG that needs no other program, for light and dark pages.
//!
//! All text is set in a fixed pitch, and every text says how long it is. So the sizes that are computed here are right
//! whatever font there is. Nothing in the picture has an identifier, so that a page may contain several.

use core::fmt::Write;

use super::model::Standing;
use super::scene::{Line, Scene, Shape};

mod shapes;
mod sizes;
mod text;

use self::shapes::{arrow, loop_path, number, path};
use self::sizes::{LABEL_HEIGHT, Measured, Nested, TITLE_BAR, measured};
use self::text::{Font, LABEL, STATE, TITLE, cut, escaped};

pub(super) fn write(scene: &Scene) -> String {
    let drawing = measured(scene);
    let title = if scene.title.is_empty() { "Machine" } else { scene.title.as_str() };
    let shown = cut(title);
    let head = MARGIN + TITLE_BAR;
    let width = drawing.width.max(TITLE.width(&shown)) + 2.0 * MARGIN;
    let height = head + drawing.height + MARGIN;
    let mut picture = Picture { text: String::new() };
    let (w, h) = (number(width), number(height));
    picture.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"innermost\" role=\"img\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\">"
    ));
    picture.line(&format!("<title>{}</title>", escaped(title)));
    picture.line(&format!("<desc>{}</desc>", escaped(&description(scene))));
    picture.line(STYLE);
    picture.line(&format!("<rect class=\"paper\" width=\"{w}\" height=\"{h}\" rx=\"8\"/>"));
    picture.text("title", TITLE, width / 2.0, MARGIN + TITLE_BAR / 3.0, Anchor::Middle, &shown);
    picture.scene(scene, &drawing, (width - drawing.width) / 2.0, head);
    picture.line("</svg>");
    picture.text
}

/// The transitions in words.
fn description(scene: &Scene) -> String {
    let lines = scene.lines.iter().take(DESCRIBED).map(|line| in_words(scene, line));
    let mut text = lines.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = scene.lines.len().checked_sub(DESCRIBED) {
        write!(text, "; and {more} more").expect("a string takes all");
    }
    text
}

fn in_words(scene: &Scene, line: &Line) -> String {
    let name = |node: usize| scene.nodes[node].name.as_str();
    let label = if line.label.is_empty() { String::new() } else { format!(": {}", line.label) };
    format!("{} to {}{label}", name(line.from), name(line.to))
}

struct Picture {
    text: String,
}

#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
}

impl Picture {
    /// Draws a machine whose top left corner is given.
    fn scene(&mut self, scene: &Scene, drawing: &Measured, x: f64, y: f64) {
        for (node, (center, size)) in scene.nodes.iter().zip(drawing.layout.items.iter().zip(&drawing.nodes)) {
            let (left, top) = (x + center.0 - size.width / 2.0, y + center.1 - size.height / 2.0);
            let (center_x, center_y) = (x + center.0, y + center.1);
            match node.shape {
                Shape::Start => self.circle("start", center_x, center_y, size.width / 2.0),
                Shape::End => {
                    self.circle("ring", center_x, center_y, size.width / 2.0);
                    self.circle("start", center_x, center_y, size.width / 2.0 - 3.5);
                }
                Shape::Any | Shape::State => {
                    let class = match (node.shape, node.is_unseen, node.children.is_empty()) {
                        (Shape::Any, ..) => "state any",
                        (_, true, _) => "state unseen",
                        (_, _, false) => "state group",
                        _ => "state",
                    };
                    self.line("<g>");
                    // Shown when the pointer rests on it.
                    if size.name != node.name {
                        self.line(&format!("<title>{}</title>", escaped(&node.name)));
                    }
                    self.rect(class, left, top, size.width, size.height);
                    let middle = if node.children.is_empty() { center_y } else { top + TITLE_BAR / 2.0 };
                    let class = if node.is_unseen { "name unseen" } else { "name" };
                    self.text(class, STATE, center_x, middle, Anchor::Middle, &size.name);
                    for (child, nested) in node.children.iter().zip(&size.children) {
                        self.nested(child, nested, left, top);
                    }
                    self.line("</g>");
                }
            }
        }
        for (at, line) in scene.lines.iter().enumerate() {
            self.link(scene, line, drawing, at, x, y);
        }
    }

    fn nested(&mut self, scene: &Scene, nested: &Nested, x: f64, y: f64) {
        let (left, top) = (x + nested.x, y + nested.y);
        if let Some(name) = &nested.name {
            self.rect("region", left, top, nested.width, nested.height);
            self.text("label", LABEL, left + nested.width / 2.0, top + TITLE_BAR / 2.0, Anchor::Middle, name);
        }
        let inset = nested.inset();
        self.scene(scene, &nested.drawing, left + inset.0, top + inset.1);
    }

    fn link(&mut self, scene: &Scene, line: &Line, drawing: &Measured, at: usize, x: f64, y: f64) {
        let dashes = if line.is_dashed { " dashed" } else { "" };
        let standing = match line.standing {
            Standing::Fine => "",
            Standing::Undeclared => " undeclared",
            Standing::Unseen => " unseen",
        };
        let (way, tip, label_at) = if line.from == line.to {
            let (center, size) = (drawing.layout.items[line.from], &drawing.nodes[line.from]);
            loop_path(x + center.0 + size.width / 2.0, y + size.loop_height(center.1, drawing.routes[at]))
        } else {
            let route = &drawing.layout.routes[drawing.routes[at]];
            let (way, tip) = path(route, x, y);
            (way, tip, route.label.map(|label| (x + label.0, y + label.1)))
        };
        self.line(&format!("<g class=\"line{dashes}{standing}\">"));
        self.line(&format!("<title>{}</title>", escaped(&in_words(scene, line))));
        self.line(&format!("<path d=\"{way}\"/>"));
        if let Some(tip) = tip {
            self.line(&format!("<path class=\"tip\" d=\"{}\"/>", arrow(tip)));
        }
        if let Some((x, y)) = label_at {
            let label = &drawing.labels[at];
            let first = y - (label.len() as f64 - 1.0) / 2.0 * LABEL_HEIGHT;
            for (number, text) in label.iter().enumerate() {
                self.text("label", LABEL, x, first + number as f64 * LABEL_HEIGHT, Anchor::Start, text);
            }
        }
        self.line("</g>");
    }

    fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.line(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>"
        ));
    }

    fn circle(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        let [x, y, radius] = [x, y, radius].map(number);
        self.line(&format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"));
    }

    /// Writes text with its middle at the height `y`.
    fn text(&mut self, class: &str, font: Font, x: f64, y: f64, anchor: Anchor, text: &str) {
        if text.is_empty() {
            return;
        }
        let width = font.width(text);
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
        };
        let [left, baseline, width] = [left, y + font.size * 0.35, width].map(number);
        self.line(&format!(
            "<text class=\"{class}\" x=\"{left}\" y=\"{baseline}\" font-size=\"{}\" textLength=\"{width}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            font.size,
            escaped(text)
        ));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

const MARGIN: f64 = 16.0;
/// So many transitions are told in words.
const DESCRIBED: usize = 100;

/// Each color has enough contrast on its paper. A page that embeds the picture may have a color of its own, so the picture
/// brings its paper along.
const STYLE: &str = "<style>
.innermost{max-width:100%;height:auto}
.innermost text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1c2733;white-space:pre}
.innermost .title{font-weight:bold}
.innermost .paper{fill:#fff}
.innermost .state{fill:#eef3fb;stroke:#4a6080;stroke-width:1.2}
.innermost .group{fill:#f7f9fd}
.innermost .region{fill:none;stroke:#8796ab;stroke-dasharray:2 3}
.innermost .any{fill:none;stroke-dasharray:5 4}
.innermost .state.unseen{fill:none;stroke:#97a1ae}
.innermost .start{fill:#1c2733}
.innermost .ring{fill:none;stroke:#1c2733;stroke-width:1.2}
.innermost .line path{fill:none;stroke:#4a6080;stroke-width:1.3}
.innermost .line .tip{fill:#4a6080;stroke:none}
.innermost .line .label{fill:#3c4c63}
.innermost .dashed path{stroke:#b0500c;stroke-dasharray:5 4}
.innermost .dashed .tip{fill:#b0500c}
.innermost .dashed .label{fill:#9a4508}
.innermost .unseen path{stroke:#97a1ae;stroke-dasharray:1 3}
.innermost .unseen .tip{fill:#97a1ae}
.innermost .unseen .label,.innermost .name.unseen{fill:#66707d}
.innermost .undeclared path{stroke:#c4161c;stroke-width:2.2}
.innermost .undeclared .tip{fill:#c4161c}
.innermost .undeclared .label{fill:#c4161c}
@media (prefers-color-scheme:dark){
.innermost text{fill:#e6ecf3}
.innermost .paper{fill:#10161d}
.innermost .state{fill:#1d2936;stroke:#8fa6c4}
.innermost .group{fill:#151e28}
.innermost .region{stroke:#6d7d92}
.innermost .any,.innermost .state.unseen{fill:none}
.innermost .state.unseen{stroke:#6b7683}
.innermost .start{fill:#e6ecf3}
.innermost .ring{stroke:#e6ecf3}
.innermost .line path{stroke:#8fa6c4}
.innermost .line .tip{fill:#8fa6c4;stroke:none}
.innermost .line .label{fill:#b9c7da}
.innermost .dashed path{stroke:#f0a060}
.innermost .dashed .tip{fill:#f0a060}
.innermost .dashed .label{fill:#f0b27e}
.innermost .unseen path{stroke:#6b7683}
.innermost .unseen .tip{fill:#6b7683}
.innermost .unseen .label,.innermost .name.unseen{fill:#98a3b0}
.innermost .undeclared path{stroke:#ff7b72}
.innermost .undeclared .tip{fill:#ff7b72}
.innermost .undeclared .label{fill:#ff7b72}
}
.innermost .line .tip{stroke:none}
</style>";
