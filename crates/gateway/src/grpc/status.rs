//! ZooKeeper's errors as gRPC statuses, with an `ErrorInfo` in `grpc-status-details-bin` as the rich error model has it
//! (a `google.rpc.Status` that holds the details as `Any`).

use menagerie_proto::pb::v1::ErrorInfo;
use menagerie_types::ErrorCode;
use prost::Message;
use tonic::{Code, Status};

use super::failure::Failure;

const TYPE_URL: &str = "type.googleapis.com/menagerie.v1.ErrorInfo";
/// Bytes of a path or message that a status carries: it travels in a header, and clients take few KiB of those.
const SHOWN_MAX: usize = 512;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RichStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let known = ErrorCode::from_code(failure.code);
        let code = known.map_or(Code::Unknown, code_for);
        let message = shown(&failure.message).to_owned();
        let info = ErrorInfo {
            code: failure.code,
            name: known.map_or("", ErrorCode::name).to_owned(),
            path: shown(&failure.path).to_owned(),
            operation: failure.operation,
            zxid: failure.zxid.0,
        };
        let details = vec![Any { type_url: TYPE_URL.to_owned(), value: info.encode_to_vec() }];
        let rich = RichStatus { code: code as i32, message: message.clone(), details };
        Status::with_details(code, message, rich.encode_to_vec().into())
    }
}

/// The table in the proto's service comment. BadVersion is what gRPC describes ABORTED with (a failed test-and-set,
/// to be tried again from the read on). An ended or moved session is a FAILED_PRECONDITION: no repetition of the call
/// helps before the client has a session here.
fn code_for(error: ErrorCode) -> Code {
    use ErrorCode::*;
    match error {
        NoNode | NoWatcher => Code::NotFound,
        NodeExists => Code::AlreadyExists,
        BadVersion | ReconfigInProgress => Code::Aborted,
        NotEmpty
        | NoChildrenForEphemerals
        | SessionExpired
        | SessionMoved
        | EphemeralOnLocalSession
        | NotReadOnly
        | NewConfigNoQuorum
        | ReconfigDisabled => Code::FailedPrecondition,
        NoAuth => Code::PermissionDenied,
        AuthFailed | SessionClosedRequireSaslAuth => Code::Unauthenticated,
        BadArguments | InvalidAcl | MarshallingError => Code::InvalidArgument,
        Unimplemented => Code::Unimplemented,
        ConnectionLoss => Code::Unavailable,
        OperationTimeout => Code::DeadlineExceeded,
        QuotaExceeded | ThrottledOp => Code::ResourceExhausted,
        SystemError | RuntimeInconsistency => Code::Internal,
    }
}

fn shown(text: &str) -> &str {
    let cut = (0..=SHOWN_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..cut.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use menagerie_proto::ServiceError;
    use menagerie_types::Zxid;

    use super::*;

    /// As a client's library unpacks it.
    fn unpack(status: &Status) -> ErrorInfo {
        let rich = RichStatus::decode(status.details()).expect("a google.rpc.Status");
        assert_eq!((rich.code, rich.message.as_str()), (status.code() as i32, status.message()));
        assert_eq!(rich.details.len(), 1);
        assert_eq!(rich.details[0].type_url, TYPE_URL);
        ErrorInfo::decode(&rich.details[0].value[..]).expect("an ErrorInfo")
    }

    #[test]
    fn each_kind_of_error_has_the_status_that_tells_what_to_do() {
        let table = [
            (ErrorCode::NoNode, Code::NotFound),
            (ErrorCode::NodeExists, Code::AlreadyExists),
            (ErrorCode::BadVersion, Code::Aborted),
            (ErrorCode::NotEmpty, Code::FailedPrecondition),
            (ErrorCode::NoChildrenForEphemerals, Code::FailedPrecondition),
            (ErrorCode::SessionExpired, Code::FailedPrecondition),
            (ErrorCode::SessionMoved, Code::FailedPrecondition),
            (ErrorCode::NoAuth, Code::PermissionDenied),
            (ErrorCode::BadArguments, Code::InvalidArgument),
            (ErrorCode::InvalidAcl, Code::InvalidArgument),
            (ErrorCode::MarshallingError, Code::InvalidArgument),
            (ErrorCode::Unimplemented, Code::Unimplemented),
            (ErrorCode::ConnectionLoss, Code::Unavailable),
            (ErrorCode::ThrottledOp, Code::ResourceExhausted),
            (ErrorCode::SystemError, Code::Internal),
        ];
        for (error, code) in table {
            let status = Status::from(Failure::reported(error.code(), "/a", Zxid(7)));
            assert_eq!(status.code(), code, "{error:?}");
            let info = unpack(&status);
            assert_eq!((info.code, info.name.as_str()), (error.code(), error.name()));
            assert_eq!((info.path.as_str(), info.zxid, info.operation), ("/a", 7, None));
        }
    }

    #[test]
    fn a_number_that_zookeeper_does_not_have_is_passed_on() {
        let status = Status::from(Failure::reported(-999, "", Zxid(7)));
        assert_eq!((status.code(), status.message()), (Code::Unknown, "unknown error"));
        assert_eq!(unpack(&status).code, -999);
    }

    #[test]
    fn a_lost_answer_says_that_the_outcome_is_unknown() {
        let lost = ServiceError::Unavailable("the outcome is unknown".into());
        let status = Status::from(Failure::from(lost).at("/a"));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("the outcome is unknown"), "{}", status.message());
        assert_eq!(unpack(&status).code, ErrorCode::ConnectionLoss.code());
    }

    #[test]
    fn a_status_fits_into_headers_whatever_the_path() {
        let path = format!("/{}", "\u{e9}".repeat(100_000));
        let status = Status::from(Failure::reported(-101, &path, Zxid(1)).of_operation(3));
        assert!(status.message().len() <= SHOWN_MAX && status.details().len() < 3 * SHOWN_MAX);
        let info = unpack(&status);
        assert!(path.starts_with(&info.path) && info.path.len() > SHOWN_MAX - 4);
        assert_eq!(info.operation, Some(3));
    }
}
