//! The command line: a file a verb. Data goes to standard output, everything else to standard error.

mod accept;
mod cancel;
mod check;
mod completions;
mod config;
mod context;
mod db;
mod demo;
mod deploy;
mod docs;
mod doctor;
mod env;
mod error;
mod exit;
mod follow;
mod history;
mod hold;
mod impact;
mod import;
mod init;
mod journal;
mod lock;
mod logs;
mod man;
mod parity;
mod plan;
mod progress;
mod promote;
pub mod proxy;
mod reference;
mod rehearse;
mod reject;
mod release;
mod releases;
mod resource;
mod retry;
mod rollback;
mod run;
mod schema;
mod secret;
mod server;
mod sign_off;
mod status;
mod style;
mod table;
mod unlock;
mod veto;
mod way;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::{context::Context, error::CliError, exit::Exit};

/// Hauls a commit from a laptop to production, lock by lock.
#[derive(Parser)]
#[command(
    name = "towpath",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit status: 0 done; 1 it said no (failed, rolled back, cancelled); 2 usage; 3 refused; 4 waits for a person;\n\
                  5 it could not say (errored); 6 the manifest is not valid; 7 something is out of order here (disk, git, journal);\n\
                  130 detached by Ctrl-C: what is under way goes on with the next command."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// `towpath run …`, read without everything that other verbs take: somebody waits for the command behind it.
#[derive(Parser)]
#[command(
    name = "towpath",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct RunAlone {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Alone,
}

#[derive(Subcommand)]
enum Alone {
    Run(run::Run),
}

impl Cli {
    /// What this process was told; what is wrong with it ends the process.
    fn told() -> Cli {
        if std::env::args_os()
            .nth(1)
            .is_none_or(|first| first != "run")
        {
            return Cli::parse();
        }
        let RunAlone {
            global,
            verb: Alone::Run(run),
        } = RunAlone::parse();
        Cli {
            global,
            verb: Verb::Run(run),
        }
    }
}

/// What every verb understands.
#[derive(Args, Clone)]
pub struct Global {
    /// Work as if started in this directory.
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Everywhere"
    )]
    directory: Option<PathBuf>,
    /// The data directory.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TOWPATH_DATA",
        help_heading = "Everywhere"
    )]
    data: Option<PathBuf>,
    /// The repository that everybody pushes to; the remote `origin` unless said, or else the work tree's own.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TOWPATH_REPOSITORY",
        help_heading = "Everywhere"
    )]
    repository: Option<String>,
    /// Who acts; git's identity unless said. Without a server this is taken on trust: whoever may use this machine's
    /// account may say anything.
    #[arg(
        long = "as",
        global = true,
        value_name = "EMAIL",
        env = "TOWPATH_AS",
        help_heading = "Everywhere"
    )]
    actor: Option<String>,
    /// Print JSON to standard output.
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    Init(init::Init),
    Check(check::Check),
    Plan(plan::Plan),
    Release(release::Release),
    Releases(releases::Releases),
    Deploy(deploy::Deploy),
    Promote(promote::Promote),
    SignOff(sign_off::SignOff),
    Reject(reject::Reject),
    Accept(accept::Accept),
    Rollback(rollback::Rollback),
    Rehearse(rehearse::Rehearse),
    Status(status::Status),
    History(history::History),
    Logs(logs::Logs),
    Cancel(cancel::Cancel),
    Retry(retry::Retry),
    Lock(lock::Lock),
    Unlock(unlock::Unlock),
    Hold(hold::Hold),
    Veto(veto::Veto),
    Env(env::Env),
    Resource(resource::Resource),
    Impact(impact::Impact),
    Docs(docs::Docs),
    Import(import::Import),
    Parity(parity::Parity),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Db(db::Db),
    Secret(secret::Secret),
    Run(run::Run),
    Journal(journal::Journal),
    Server(server::Server),
    Demo(demo::Demo),
    Proxy(proxy::Proxy),
    Shim(Shim),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(hide = true)]
    Reference(reference::Reference),
}

/// Look after one process, and outlive whoever started it. Towpath starts shims by itself.
#[derive(Args)]
struct Shim {
    /// The run's directory.
    directory: PathBuf,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    end_quietly_when_nobody_reads();
    let cli = Cli::told();
    let json = cli.global.json;
    let mut builder = match cli.verb {
        // Somebody waits for the command behind it, or for a database's answers one after the other: there is nothing to do
        // at once, and threads take a while to start and to hand over.
        Verb::Run(_) | Verb::Db(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start: {error}");
            return Exit::Disorder.into();
        }
    };
    let begun = match &cli.global.directory {
        Some(directory) => context::enter(directory),
        None => Ok(()),
    };
    let ended = match begun {
        Ok(()) => runtime.block_on(dispatch(cli)),
        Err(error) => Err(error),
    };
    // Nothing of ours blocks for good: what is left is an instance's last seconds, which its shim sees to.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.print(json);
            error.exit.into()
        }
    }
}

async fn dispatch(cli: Cli) -> Result<Exit, CliError> {
    let global = &cli.global;
    match cli.verb {
        Verb::Init(verb) => verb.run(global),
        Verb::Check(verb) => verb.run(global),
        Verb::Demo(verb) => verb.run(global).await,
        Verb::Env(verb) => verb.run(global),
        Verb::Resource(verb) => verb.run(global),
        Verb::Docs(verb) => verb.run(global).await,
        Verb::Import(verb) => verb.run(global),
        Verb::Parity(verb) => verb.run(global).await,
        Verb::Doctor(verb) => verb.run(global).await,
        Verb::Config(verb) => verb.run(global).await,
        Verb::Db(verb) => verb.run(global).await,
        Verb::Secret(verb) => verb.run(global).await,
        Verb::Run(verb) => verb.run(global).await,
        Verb::Schema(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
        Verb::Reference(verb) => verb.run(),
        // Told apart before this; here only for their help.
        Verb::Proxy(_) | Verb::Shim(_) => Ok(Exit::Usage),
        Verb::Server(verb) => verb.run(Context::open(global).await?).await,
        Verb::Plan(verb) => verb.run(Context::open(global).await?).await,
        Verb::Release(verb) => verb.run(Context::open(global).await?).await,
        Verb::Releases(verb) => verb.run(Context::open(global).await?).await,
        Verb::Deploy(verb) => verb.run(Context::open(global).await?).await,
        Verb::Promote(verb) => verb.run(Context::open(global).await?).await,
        Verb::SignOff(verb) => verb.run(Context::open(global).await?).await,
        Verb::Reject(verb) => verb.run(Context::open(global).await?).await,
        Verb::Accept(verb) => verb.run(Context::open(global).await?).await,
        Verb::Rehearse(verb) => verb.run(Context::open(global).await?).await,
        Verb::Rollback(verb) => verb.run(Context::open(global).await?).await,
        Verb::Status(verb) => verb.run(Context::open(global).await?).await,
        Verb::History(verb) => verb.run(Context::open(global).await?).await,
        Verb::Logs(verb) => verb.run(Context::open(global).await?).await,
        Verb::Cancel(verb) => verb.run(Context::open(global).await?).await,
        Verb::Retry(verb) => verb.run(Context::open(global).await?).await,
        Verb::Lock(verb) => verb.run(Context::open(global).await?).await,
        Verb::Unlock(verb) => verb.run(Context::open(global).await?).await,
        Verb::Hold(verb) => verb.run(Context::open(global).await?).await,
        Verb::Veto(verb) => verb.run(Context::open(global).await?).await,
        Verb::Impact(verb) => verb.run(Context::open(global).await?).await,
        Verb::Journal(verb) => verb.run(Context::open(global).await?).await,
    }
}

/// `towpath … | head` is no mistake: when the reader of our output has gone, there is nothing left to do.
fn end_quietly_when_nobody_reads() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(0);
        }
        // What went wrong can be told to nobody; that it did is in the status.
        if said.starts_with("failed printing to stderr") {
            std::process::exit(Exit::Disorder as i32);
        }
        otherwise(panic);
    }));
}
