//! A remote-controlled browser: Chromium, through chromedriver and the W3C's WebDriver protocol.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running browser; it closes when it is dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    /// The session's address.
    session: String,
}

impl Browser {
    /// Opens a browser without a screen.
    pub fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver; on Debian, `apt-get install chromium chromium-driver` has it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| Some(line.split_once("started successfully on port ")?.1.to_string()));
        let port = port.expect("chromedriver says where it listens");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let session = format!("http://127.0.0.1:{}/session", port.trim_end_matches('.'));
        let mut browser = Self { driver, agent, session };
        // Tests often run in containers, which have no sandbox and little shared memory.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,1000"];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let opened = browser.post("", json!({ "capabilities": { "alwaysMatch": options } }));
        browser.session += &format!("/{}", opened["sessionId"].as_str().unwrap());
        browser
    }

    pub fn go(&self, address: &str) {
        self.post("/url", json!({ "url": address }));
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        self.post("/execute/sync", json!({ "script": format!("return {expression}"), "args": [] }))
    }

    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(
            &format!("/element/{}/click", element.as_object().unwrap().values().next().unwrap().as_str().unwrap()),
            json!({}),
        );
    }

    /// Draws on an element with the mouse: strokes, each a list of points away from its middle, in pixels.
    pub fn draw(&self, selector: &str, strokes: &[Vec<[f64; 2]>]) {
        let element = self.element(selector);
        let to = |[x, y]: [f64; 2]| json!({ "type": "pointerMove", "duration": 8, "x": x.round(), "y": y.round(), "origin": element });
        let mut actions = vec![];
        for stroke in strokes {
            actions.push(to(stroke[0]));
            actions.push(json!({ "type": "pointerDown", "button": 0 }));
            actions.extend(stroke[1..].iter().map(|&point| to(point)));
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        self.post("/actions", json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": actions }] }));
    }

    /// Presses keys one after the other, each a character; WebDriver has characters for keys without one.
    pub fn press(&self, keys: &str) {
        let press = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }));
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    fn element(&self, selector: &str) -> Value {
        self.post("/element", json!({ "using": "css selector", "value": selector }))
    }

    /// Sends a command to the driver in this session.
    #[track_caller]
    fn post(&self, command: &str, body: Value) -> Value {
        let request = self.agent.post(format!("{}{command}", self.session)).content_type("application/json");
        let mut response = request.send(body.to_string()).unwrap();
        let status = response.status();
        let mut answer: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        assert!(status.is_success(), "{command}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, the driver does not.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
