//! The page of `mnist-burn serve`, and that of `examples/web`, in a real browser: draws digits with the mouse and checks the
//! predictions on the page.

mod files;
#[allow(dead_code, reason = "the tests of the command line use the rest")]
#[path = "../cli/served.rs"]
mod served;
mod webdriver;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use served::Served;
use webdriver::Browser;

/// A CPU backend of this build.
const DEVICE: &str = if cfg!(feature = "ndarray") { "ndarray" } else { "flex" };

/// Points on an arc around (x, y), clockwise from the angle `start`, both in degrees, 0 being to the right.
fn arc([x, y]: [f64; 2], [width, height]: [f64; 2], start: f64, sweep: f64) -> Vec<[f64; 2]> {
    let angles = (0..=24).map(|step| (start + sweep * f64::from(step) / 24.0).to_radians());
    angles.map(|angle| [x + width / 2.0 * angle.cos(), y + height / 2.0 * angle.sin()]).collect()
}

/// Points on the straight lines between `corners`.
fn lines(corners: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let between = |pair: &[[f64; 2]]| {
        let [from, to] = [pair[0], pair[1]];
        (0..=10).map(move |step| {
            let part = f64::from(step) / 10.0;
            [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])]
        })
    };
    corners.windows(2).flat_map(between).collect()
}

/// The strokes of some digits.
fn digits() -> [(u64, Vec<Vec<[f64; 2]>>); 5] {
    let bows = [arc([0.0, -50.0], [110.0, 100.0], -150.0, 240.0), arc([0.0, 52.0], [130.0, 104.0], -90.0, 240.0)];
    [
        (0, vec![arc([0.0, 0.0], [130.0, 200.0], -90.0, -360.0)]),
        (1, vec![lines(&[[20.0, -100.0], [-10.0, 100.0]])]),
        (3, vec![bows.concat()]),
        (4, vec![lines(&[[-50.0, -90.0], [-60.0, 20.0], [70.0, 20.0]]), lines(&[[40.0, -70.0], [30.0, 110.0]])]),
        (7, vec![lines(&[[-60.0, -90.0], [60.0, -90.0], [-15.0, 100.0]])]),
    ]
}

/// Waits until a JavaScript expression has the expected value.
fn until(browser: &Browser, expression: &str, expected: &Value) {
    let started = Instant::now();
    loop {
        let value = browser.value(expression);
        if value == *expected {
            return;
        }
        assert!(started.elapsed().as_secs() < 10, "{expression} is {value}, and not {expected}");
        sleep(Duration::from_millis(20));
    }
}

const DIGIT: &str = "document.getElementById('digit').textContent";

#[test]
#[ignore = "needs Chromium and chromedriver, and trains for half a minute"]
fn digits_drawn_with_the_mouse_are_classified_on_the_page() {
    let runs = tempfile::tempdir().unwrap();
    train(&runs.path().join("small"), &["--config", "config/smoke.toml"]);
    train(&runs.path().join("baseline"), &["--config", "config/baseline.toml"]);
    let server = Served::start(runs.path(), DEVICE, &[]);
    let browser = Browser::open();
    browser.go(&format!("http://{}/", server.address));

    // The runs, the newest first.
    until(&browser, "document.getElementById('run').value", &json!("baseline"));
    until(
        &browser,
        "[...document.querySelectorAll('#runs th')].map(it => it.textContent)",
        &json!(["baseline", "small"]),
    );
    assert_eq!(browser.value("document.querySelectorAll('#runs a').length"), 2);

    for (digit, strokes) in digits() {
        browser.draw("#sheet", &strokes);
        until(&browser, DIGIT, &json!(digit.to_string()));
        assert_eq!(browser.value("document.querySelectorAll('#bars li').length"), 10);
        let best = format!("document.querySelector('#bars .best').firstChild.textContent == {digit}");
        assert_eq!(browser.value(&best), true);
        browser.click("#clear");
        until(&browser, DIGIT, &json!("–"));
    }

    // Undo restores a cleared drawing, and removes a stroke.
    let strokes = [lines(&[[-60.0, -90.0], [60.0, -90.0], [-15.0, 100.0]]), lines(&[[-40.0, 0.0], [40.0, 0.0]])];
    browser.draw("#sheet", &strokes);
    until(&browser, DIGIT, &json!("7"));
    let ink = "document.getElementById('sheet').toDataURL()";
    let with_bar = browser.value(ink);
    browser.click("#clear");
    browser.click("#undo");
    assert_eq!(browser.value(ink), with_bar);
    browser.click("#undo");
    assert_ne!(browser.value(ink), with_bar);
    until(&browser, DIGIT, &json!("7"));
    // By then, the answer to the last change has arrived, not only one to an earlier change.
    sleep(Duration::from_millis(500));

    // The image that the network sees has some ink.
    let pixels = "[...document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data]";
    let lit = browser.value(&format!("{pixels}.filter((value, index) => index % 4 == 0 && value > 128).length"));
    assert!((40..300).contains(&lit.as_u64().unwrap()), "{lit}");

    // The stages of its preparation are shown when they are unfolded.
    browser.click("#preparation summary");
    let stages = "[...document.querySelectorAll('#stages li')].map(it => it.textContent)";
    until(&browser, stages, &json!(["picture", "ink", "digit", "stroke", "image"]));
    let loaded = "[...document.querySelectorAll('#stages img')].every(it => it.complete && it.naturalWidth > 0)";
    until(&browser, loaded, &json!(true));

    // A dropped picture, here that same image, is sent as the file that it is.
    browser.value(
        "!!(window.fetch = ((fetch) => (path, options) => {
            window.sent = options?.body;
            return fetch(path, options);
        })(window.fetch))",
    );
    browser.value(
        "document.getElementById('seen').toBlob((blob) => {
            window.files = new DataTransfer();
            window.files.items.add(new File([blob], 'seven.png', { type: 'image/png' }));
        })",
    );
    until(&browser, "!!window.files", &json!(true));
    browser.click("#clear");
    until(&browser, DIGIT, &json!("–"));
    browser.value("document.dispatchEvent(new DragEvent('drop', { dataTransfer: window.files }))");
    until(&browser, DIGIT, &json!("7"));
    let sent = "[window.sent.name, window.sent.size == window.files.files[0].size]";
    assert_eq!(browser.value(sent), json!(["seven.png", true]));

    // Another run classifies the same drawing.
    let run = "document.getElementById('run')";
    browser.value(&format!("[{run}.value = 'small', {run}.dispatchEvent(new Event('change'))]"));
    assert_eq!(browser.value("document.querySelector('#runs .chosen th').textContent"), "small");

    // Neither the server nor the page's own policy refused a request.
    let refused = "performance.getEntriesByType('resource').filter(it => it.responseStatus != 200).map(it => it.name)";
    assert_eq!(browser.value(refused), json!([]));
}

/// A folder of two pictures per class in `train` and `test`, one folder per class.
fn pictures(folder: &Path, classes: &[&str]) {
    let mut png = vec![];
    let mut encoder = png::Encoder::new(&mut png, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[0, 255].repeat(32)).unwrap();
    for part in ["train", "test"] {
        for class in classes {
            let folder = folder.join(part).join(class);
            fs::create_dir_all(&folder).unwrap();
            (0..4).for_each(|number| fs::write(folder.join(format!("{number}.png")), &png).unwrap());
        }
    }
}

fn train(run: &Path, more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["train", "--device", DEVICE]).args(more);
    let output = command.arg("--run").arg(run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs Chromium and chromedriver"]
fn page_shows_class_names_clears_only_the_focused_drawing_and_reports_failures() {
    let runs = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let classes = ["ankle boot", "bag", "t-shirt or top", "trouser"];
    pictures(data.path(), &classes);
    let dir = format!("data.dir={}", data.path().display());
    let sets = ["data.dataset=image-folder", &dir, "data.validation=0", "training.epochs=1"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    train(&runs.path().join("clothes"), &sets);
    let mut server = Some(Served::start(runs.path(), DEVICE, &[]));
    let browser = Browser::open();
    browser.go(&format!("http://{}/", server.as_ref().unwrap().address));

    // The rows are those of the run's classes before the first drawing, and after Clear.
    let rows = "[...document.querySelectorAll('#bars li')].map(it => it.firstChild.textContent)";
    until(&browser, rows, &json!(classes));
    browser.draw("#sheet", &[lines(&[[-60.0, -90.0], [60.0, 90.0]])]);
    until(&browser, &format!("{DIGIT}.length > 2"), &json!(true));
    browser.click("#clear");
    until(&browser, DIGIT, &json!("–"));
    assert_eq!(browser.value(rows), json!(classes));

    // A long name fits.
    browser.draw("#sheet", &[lines(&[[-60.0, -90.0], [60.0, 90.0]])]);
    until(&browser, &format!("{DIGIT}.length > 2"), &json!(true));
    let fits = "document.documentElement.scrollWidth <= innerWidth
        && document.getElementById('digit').getBoundingClientRect().right
        <= document.querySelector('.verdict figure').getBoundingClientRect().left";
    assert_eq!(browser.value(fits), true);

    // Escape elsewhere leaves the drawing alone.
    let escape = |selector: &str| {
        let key = "new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })";
        browser.value(&format!("document.querySelector('{selector}').dispatchEvent({key})"));
    };
    let is_clear = "document.getElementById('clear').disabled";
    escape("#run");
    assert_eq!(browser.value(is_clear), false);
    escape("#sheet");
    assert_eq!(browser.value(is_clear), true);

    // A request that fails says why.
    drop(server.take());
    browser.draw("#sheet", &[lines(&[[-60.0, -90.0], [60.0, 90.0]])]);
    let status = "document.getElementById('status').textContent";
    until(&browser, status, &json!("The server does not answer. Is it still running?"));
}

#[test]
#[ignore = "needs Chromium and chromedriver"]
fn digit_is_drawn_and_cleared_by_keyboard_alone_and_its_answer_is_announced() {
    let [tab, down, right, escape] = ["\u{e004}", "\u{e015}", "\u{e014}", "\u{e00c}"];
    // The network in the program classifies where there are no runs.
    let runs = tempfile::tempdir().unwrap();
    let server = Served::start(runs.path(), DEVICE, &[]);
    let browser = Browser::open();
    browser.go(&format!("http://{}/", server.address));
    let focused = "document.activeElement.id";
    (0..9).take_while(|_| browser.value(focused) != "sheet").for_each(|_| browser.press(tab));
    assert_eq!(browser.value(focused), "sheet");

    // The pen moves without a line while it is lifted.
    let is_clear = "document.getElementById('clear').disabled";
    browser.press(down);
    assert_eq!(browser.value(is_clear), true);
    browser.press(&format!(" {} ", down.repeat(13)));
    until(&browser, DIGIT, &json!("1"));
    let spoken = "document.getElementById('spoken').textContent";
    until(&browser, &format!("{spoken}.startsWith('1, ')"), &json!(true));
    let pen = "document.getElementById('sheet').ariaValueText";
    until(&browser, pen, &json!("Pen up, 14 across, 21 down"));

    // Lifted again, it draws no line, and the button keeps no focus that it can't have.
    browser.press(&right.repeat(5));
    until(&browser, DIGIT, &json!("1"));
    browser.press(&format!("{tab}{tab} "));
    until(&browser, DIGIT, &json!("–"));
    assert_eq!(browser.value(focused), "sheet");
    browser.press(&format!(" {} ", right.repeat(3)));
    browser.press(escape);
    assert_eq!(browser.value(is_clear), true);
    until(&browser, spoken, &json!("The sheet is empty."));
    until(&browser, pen, &json!("Pen up, 14 across, 7 down"));
}

#[test]
#[ignore = "needs Chromium, chromedriver and onnxruntime-web, and trains for half a minute"]
fn page_of_the_web_example_reads_the_digits_that_the_served_page_reads() {
    let package = std::env::var_os("ONNXRUNTIME_WEB").expect(
        "ONNXRUNTIME_WEB, the folder with ort.min.js of https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-1.20.1.tgz",
    );
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("baseline");
    train(&run, &["--config", "config/baseline.toml"]);
    let mut export = Command::new(env!("CARGO_BIN_EXE_mnist-burn"));
    assert!(export.arg("export").arg(run).arg(folder.path().join("model.onnx")).status().unwrap().success());
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web/index.html")).unwrap();
    // The package is here already.
    let of_the_network = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.20.1/dist/";
    assert!(page.contains(of_the_network));
    fs::write(folder.path().join("index.html"), page.replace(of_the_network, "")).unwrap();

    let browser = Browser::open();
    browser.go(&format!("http://{}/", files::serve(vec![folder.path().into(), package.into()])));
    let answer = "document.getElementById('answer').textContent.trim()";
    for (digit, strokes) in digits() {
        browser.draw("#drawing", &strokes);
        until(&browser, &format!("{answer}.startsWith('{digit} (')"), &json!(true));
        browser.click("#clear");
        until(&browser, answer, &json!(""));
    }
}
