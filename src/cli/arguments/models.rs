//! The arguments of the commands that use trained networks: `evaluate`, `export`, `report`, `predict` and `serve`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::config::{allowed_name, is_name, variable};
use crate::run::{STANDING, is_run};
use crate::{cli::completion, data::is_picture, sweep::RESULTS_FILE};

#[derive(Debug, Args)]
pub struct Evaluate {
    /// The run, or several for a table: folders, names, `latest`, `best`, `latest:CONFIG`, `best:CONFIG`, or safetensors files
    #[arg(required = true, value_name = "RUN", add = completion::run())]
    pub evaluated: Vec<PathBuf>,
    /// Evaluate on the images in this folder: IDX files of test images, or an image folder, or its test/
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The images of the data set to evaluate on
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub split: Split,
    /// Write the prediction for each image into this file: CSV, JSON Lines (.jsonl) or NumPy (.npy) by its ending
    #[arg(long, short = 'o', alias = "output", value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// Replace the file of `--predictions` if it exists
    #[arg(long, requires = "predictions")]
    pub force: bool,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    pub device: Option<String>,
    /// Print JSON: the contents of evaluation.json, or for several runs an array of them
    #[arg(long, conflicts_with = "predictions")]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Split {
    /// The test images
    #[default]
    Test,
    /// The training images that were held out for validation
    Validation,
}

#[derive(Debug, Args)]
pub struct Ensemble {
    /// The name of the ensemble, and of its folder in `--runs`
    #[arg(value_parser = ensemble_name)]
    pub name: String,
    /// The runs that become members: folders, names, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`, or ensembles
    #[arg(required = true, value_name = "RUN", add = completion::run())]
    pub members: Vec<PathBuf>,
}

fn ensemble_name(name: &str) -> Result<String, String> {
    match is_name(name) && !STANDING.contains(&name) {
        true => Ok(name.into()),
        false => Err(format!("the first name is that of the new ensemble; it must be {}", allowed_name())),
    }
}

#[derive(Debug, Args)]
pub struct Export {
    /// The run: its folder, its name or a unique beginning of it, `latest`, `best`, `latest:CONFIG`, `best:CONFIG`, or a
    /// model's safetensors file
    #[arg(add = completion::run())]
    pub run: PathBuf,
    /// The file to write: ONNX if it ends in .onnx, else safetensors; `-` is standard output. With `--format`, the folder
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write a folder for another framework: model.py, which builds, loads and checks the network, and its weights
    #[arg(long, value_name = "NAME", value_enum, conflicts_with_all = ["input", "quantize", "half"])]
    pub format: Option<Framework>,
    /// What an ONNX file takes: uint8 grey levels [batch, height, width], or scaled float pixels [batch, height * width] [default: raw]
    #[arg(long, value_name = "NAME", value_parser = ["raw", "float"])]
    pub input: Option<String>,
    /// Write an ONNX file with integers, in a quarter of the size, and report its errors on the test images
    #[arg(long, value_name = "NAME", value_parser = ["int8"])]
    pub quantize: Option<String>,
    /// Export the model of the last epoch instead of the best
    #[arg(long)]
    pub last: bool,
    /// Write the weights of a safetensors file in half precision, in half the size
    #[arg(long)]
    pub half: bool,
    /// Replace files that exist and are regular files
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Framework {
    Pytorch,
    Keras,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The run, or several to compare: folders, names, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`
    #[arg(required = true, value_name = "RUN", add = completion::run())]
    pub compared: Vec<PathBuf>,
    /// The HTML file, or `-` for standard output [default: report.html in the run folder; of several runs, in the current one]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also attack the network: how well its answers tell its training images from test images (membership inference)
    #[arg(long)]
    pub membership: bool,
    /// A run on half of the same images (data.fraction), which tells how sure a network is of unseen images; may be repeated
    #[arg(long, value_name = "RUN", requires = "membership", add = completion::run())]
    pub shadow: Vec<PathBuf>,
    /// The device [default: the one that the run was trained on]; a comparison needs none
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct Predict {
    /// The run, by folder or name, `latest`, `best`, `latest:CONFIG` or `best:CONFIG`, or a model's safetensors file, and images: PNG or JPEG
    /// files of one digit each, folders of them, IDX files, or `-` for standard input [default run: the newest finished one, or the built-in one]
    #[arg(required = true, value_name = "[RUN] IMAGE", add = completion::run())]
    paths: Vec<PathBuf>,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    pub device: Option<String>,
    /// Show each image as the network sees it, with the probabilities as bars; only in a terminal with colours
    #[arg(long, conflicts_with_all = ["json", "format", "output"])]
    pub show: bool,
    /// Write what each stage of the preparation makes of an image into this folder, as PNG
    #[arg(long, value_name = "DIR")]
    pub stages: Option<PathBuf>,
    /// How to write the answers; each is written at once, except those of `json` [default: as the ending of `--output` says, or text]
    #[arg(long, short, value_name = "NAME", value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// The same as `--format json`
    #[arg(long)]
    json: bool,
    /// Write only the N most probable classes of each image, the most probable one first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub top: Option<u16>,
    /// Write the answers to this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file of `--output` if it exists
    #[arg(long, requires = "output")]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for each image with the probabilities in percent
    #[default]
    Text,
    /// An array with an object for each image: file, class, probabilities and warnings, or the error
    Json,
    /// Such an object for each image, in a line of its own
    Jsonl,
    /// A row for each image that can be read: file, class, and the probability of each class
    Csv,
}

impl Predict {
    /// The run, if one is named, and the images. The run is the first path that is the folder or model file of one, or that
    /// of a sweep, or else the first that does not exist and is not called like a picture.
    pub fn run_and_images(&self) -> (Option<&Path>, Vec<&Path>) {
        // An ONNX file is refused like the model of another program.
        let endings = ["safetensors", "onnx"];
        let is_model =
            |path: &Path| path.extension().is_some_and(|it| endings.iter().any(|end| it.eq_ignore_ascii_case(end)));
        let is_run = |path: &&Path| path.exists() && is_model(path) || is_run(path) || path.join(RESULTS_FILE).exists();
        let may_be_name = |path: &&Path| !path.exists() && path.as_os_str() != "-" && !is_picture(path);
        let mut images: Vec<&Path> = self.paths.iter().map(PathBuf::as_path).collect();
        let run = images.iter().position(is_run).or_else(|| images.iter().position(may_be_name));
        (run.map(|at| images.remove(at)), images)
    }

    pub fn format(&self) -> Format {
        let ending = self.output.as_ref().and_then(|path| path.extension()?.to_str());
        let of_file = ending.and_then(|ending| Format::from_str(ending, true).ok());
        if self.json { Format::Json } else { self.format.or(of_file).unwrap_or_default() }
    }
}

#[derive(Debug, Args)]
pub struct Serve {
    /// The run to use at first; the page and `?run=NAME` can choose another one [default: the newest finished one, or the built-in network]
    #[arg(add = completion::run())]
    pub run: Option<PathBuf>,
    /// The port; 0 takes any free one
    #[arg(long, short, default_value_t = 8000)]
    pub port: u16,
    /// Let other machines connect to this address (0.0.0.0: all addresses). Everyone who can reach it can use the networks
    /// and read the runs' names, metrics and reports
    #[arg(long, value_name = "ADDRESS", aliases = ["bind", "host"])]
    pub expose: Option<IpAddr>,
    /// Answer requests that name this host, such as a reverse proxy's, which must remove a prefix of the path; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host)]
    pub allow_host: Vec<String>,
    /// The device [default: the one that the run was trained on]
    #[arg(long, value_name = "NAME", default_value = variable("MNIST_BURN_DEVICE"))]
    pub device: Option<String>,
}

fn host(name: &str) -> Result<String, &'static str> {
    let is_name = !name.contains(['/', ':']);
    is_name.then(|| name.into()).ok_or("it must be a name alone, as in digits.example.org, without https:// and a port")
}
