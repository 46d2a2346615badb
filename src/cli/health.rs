//! `geotopics health`.

use super::connect::{Access, DEFAULT};
use super::output::{self, Failure, Status};
use std::time::Duration;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Ask a server whether it serves: exit status 0 if it does, 1 if not, 2 if it cannot be reached
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server
    #[arg(long, value_name = "URL", default_value = DEFAULT)]
    server: String,

    /// A service such as geotopics.v1.ClassificationService; the server as a whole without it
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,

    /// How many seconds it has to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    #[command(flatten)]
    access: Access,
}

pub(super) fn run(args: Args) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let Args { server, service, timeout, access } = args;
    let answer = runtime.block_on(async {
        let connection = access.connect(&server, Some(Duration::from_secs(timeout))).await?;
        Ok::<_, Failure>(HealthClient::new(connection).check(HealthCheckRequest { service }).await)
    })?;
    let state = match answer.map(|answer| HealthCheckResponse::status(answer.get_ref())) {
        Ok(ServingStatus::Serving) => {
            output::say(format_args!("{server} serves"));
            return Ok(Status::Fine);
        }
        Ok(ServingStatus::NotServing) => "does not serve".to_owned(),
        Ok(ServingStatus::ServiceUnknown | ServingStatus::Unknown) => "knows no such service".to_owned(),
        Err(status) if status.code() == Code::NotFound => "knows no such service".to_owned(),
        Err(status) => {
            let message = output::printable(status.message()).into_owned();
            return Err(Failure::Message(format!("{server}: {message}")));
        }
    };
    output::say(format_args!("{server} {state}"));
    Ok(Status::Findings)
}
