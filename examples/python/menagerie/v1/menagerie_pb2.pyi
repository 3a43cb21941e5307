from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREATE_MODE_PERSISTENT: _ClassVar[CreateMode]
    CREATE_MODE_EPHEMERAL: _ClassVar[CreateMode]
    CREATE_MODE_PERSISTENT_SEQUENTIAL: _ClassVar[CreateMode]
    CREATE_MODE_EPHEMERAL_SEQUENTIAL: _ClassVar[CreateMode]
CREATE_MODE_PERSISTENT: CreateMode
CREATE_MODE_EPHEMERAL: CreateMode
CREATE_MODE_PERSISTENT_SEQUENTIAL: CreateMode
CREATE_MODE_EPHEMERAL_SEQUENTIAL: CreateMode

class Stat(_message.Message):
    __slots__ = ("czxid", "mzxid", "ctime_ms", "mtime_ms", "version", "cversion", "aversion", "ephemeral_owner", "data_length", "num_children", "pzxid")
    CZXID_FIELD_NUMBER: _ClassVar[int]
    MZXID_FIELD_NUMBER: _ClassVar[int]
    CTIME_MS_FIELD_NUMBER: _ClassVar[int]
    MTIME_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CVERSION_FIELD_NUMBER: _ClassVar[int]
    AVERSION_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_OWNER_FIELD_NUMBER: _ClassVar[int]
    DATA_LENGTH_FIELD_NUMBER: _ClassVar[int]
    NUM_CHILDREN_FIELD_NUMBER: _ClassVar[int]
    PZXID_FIELD_NUMBER: _ClassVar[int]
    czxid: int
    mzxid: int
    ctime_ms: int
    mtime_ms: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int
    def __init__(self, czxid: _Optional[int] = ..., mzxid: _Optional[int] = ..., ctime_ms: _Optional[int] = ..., mtime_ms: _Optional[int] = ..., version: _Optional[int] = ..., cversion: _Optional[int] = ..., aversion: _Optional[int] = ..., ephemeral_owner: _Optional[int] = ..., data_length: _Optional[int] = ..., num_children: _Optional[int] = ..., pzxid: _Optional[int] = ...) -> None: ...

class Acl(_message.Message):
    __slots__ = ("perms", "scheme", "id")
    PERMS_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    perms: int
    scheme: str
    id: str
    def __init__(self, perms: _Optional[int] = ..., scheme: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class CreateRequest(_message.Message):
    __slots__ = ("path", "data", "mode", "acl", "session")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    mode: CreateMode
    acl: _containers.RepeatedCompositeFieldContainer[Acl]
    session: int
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ..., mode: _Optional[_Union[CreateMode, str]] = ..., acl: _Optional[_Iterable[_Union[Acl, _Mapping]]] = ..., session: _Optional[int] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("zxid", "path", "stat")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    path: str
    stat: Stat
    def __init__(self, zxid: _Optional[int] = ..., path: _Optional[str] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("path", "session", "linearizable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LINEARIZABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    session: int
    linearizable: bool
    def __init__(self, path: _Optional[str] = ..., session: _Optional[int] = ..., linearizable: _Optional[bool] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("zxid", "data", "stat")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    data: bytes
    stat: Stat
    def __init__(self, zxid: _Optional[int] = ..., data: _Optional[bytes] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ...) -> None: ...

class SetRequest(_message.Message):
    __slots__ = ("path", "data", "version", "session")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    version: int
    session: int
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ..., version: _Optional[int] = ..., session: _Optional[int] = ...) -> None: ...

class SetResponse(_message.Message):
    __slots__ = ("zxid", "stat")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    stat: Stat
    def __init__(self, zxid: _Optional[int] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("path", "version", "session")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    path: str
    version: int
    session: int
    def __init__(self, path: _Optional[str] = ..., version: _Optional[int] = ..., session: _Optional[int] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("zxid",)
    ZXID_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    def __init__(self, zxid: _Optional[int] = ...) -> None: ...

class ExistsRequest(_message.Message):
    __slots__ = ("path", "session", "linearizable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LINEARIZABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    session: int
    linearizable: bool
    def __init__(self, path: _Optional[str] = ..., session: _Optional[int] = ..., linearizable: _Optional[bool] = ...) -> None: ...

class ExistsResponse(_message.Message):
    __slots__ = ("zxid", "stat")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    stat: Stat
    def __init__(self, zxid: _Optional[int] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ...) -> None: ...

class ListChildrenRequest(_message.Message):
    __slots__ = ("path", "session", "linearizable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LINEARIZABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    session: int
    linearizable: bool
    def __init__(self, path: _Optional[str] = ..., session: _Optional[int] = ..., linearizable: _Optional[bool] = ...) -> None: ...

class ListChildrenResponse(_message.Message):
    __slots__ = ("zxid", "children", "stat")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    STAT_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    children: _containers.RepeatedScalarFieldContainer[str]
    stat: Stat
    def __init__(self, zxid: _Optional[int] = ..., children: _Optional[_Iterable[str]] = ..., stat: _Optional[_Union[Stat, _Mapping]] = ...) -> None: ...

class CheckVersion(_message.Message):
    __slots__ = ("path", "version")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    path: str
    version: int
    def __init__(self, path: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("create", "set", "delete", "check")
    CREATE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    create: CreateRequest
    set: SetRequest
    delete: DeleteRequest
    check: CheckVersion
    def __init__(self, create: _Optional[_Union[CreateRequest, _Mapping]] = ..., set: _Optional[_Union[SetRequest, _Mapping]] = ..., delete: _Optional[_Union[DeleteRequest, _Mapping]] = ..., check: _Optional[_Union[CheckVersion, _Mapping]] = ...) -> None: ...

class MultiRequest(_message.Message):
    __slots__ = ("operations", "session")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    session: int
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., session: _Optional[int] = ...) -> None: ...

class OperationResult(_message.Message):
    __slots__ = ("create", "set", "delete", "check")
    CREATE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    create: CreateResponse
    set: SetResponse
    delete: DeleteResponse
    check: CheckVersion
    def __init__(self, create: _Optional[_Union[CreateResponse, _Mapping]] = ..., set: _Optional[_Union[SetResponse, _Mapping]] = ..., delete: _Optional[_Union[DeleteResponse, _Mapping]] = ..., check: _Optional[_Union[CheckVersion, _Mapping]] = ...) -> None: ...

class MultiResponse(_message.Message):
    __slots__ = ("zxid", "results")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    results: _containers.RepeatedCompositeFieldContainer[OperationResult]
    def __init__(self, zxid: _Optional[int] = ..., results: _Optional[_Iterable[_Union[OperationResult, _Mapping]]] = ...) -> None: ...

class OpenSessionRequest(_message.Message):
    __slots__ = ("timeout_ms",)
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    timeout_ms: int
    def __init__(self, timeout_ms: _Optional[int] = ...) -> None: ...

class OpenSessionResponse(_message.Message):
    __slots__ = ("session", "password", "timeout_ms", "zxid")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    ZXID_FIELD_NUMBER: _ClassVar[int]
    session: int
    password: bytes
    timeout_ms: int
    zxid: int
    def __init__(self, session: _Optional[int] = ..., password: _Optional[bytes] = ..., timeout_ms: _Optional[int] = ..., zxid: _Optional[int] = ...) -> None: ...

class KeepAliveRequest(_message.Message):
    __slots__ = ("session", "password", "timeout_ms")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    session: int
    password: bytes
    timeout_ms: int
    def __init__(self, session: _Optional[int] = ..., password: _Optional[bytes] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class KeepAliveResponse(_message.Message):
    __slots__ = ("zxid", "timeout_ms")
    ZXID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    timeout_ms: int
    def __init__(self, zxid: _Optional[int] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CloseSessionRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: int
    def __init__(self, session: _Optional[int] = ...) -> None: ...

class CloseSessionResponse(_message.Message):
    __slots__ = ("zxid",)
    ZXID_FIELD_NUMBER: _ClassVar[int]
    zxid: int
    def __init__(self, zxid: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("targets", "session")
    class Target(_message.Message):
        __slots__ = ("path", "node", "children")
        PATH_FIELD_NUMBER: _ClassVar[int]
        NODE_FIELD_NUMBER: _ClassVar[int]
        CHILDREN_FIELD_NUMBER: _ClassVar[int]
        path: str
        node: bool
        children: bool
        def __init__(self, path: _Optional[str] = ..., node: _Optional[bool] = ..., children: _Optional[bool] = ...) -> None: ...
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[WatchRequest.Target]
    session: int
    def __init__(self, targets: _Optional[_Iterable[_Union[WatchRequest.Target, _Mapping]]] = ..., session: _Optional[int] = ...) -> None: ...

class WatchEvent(_message.Message):
    __slots__ = ("type", "path", "zxid")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[WatchEvent.Type]
        NODE_CREATED: _ClassVar[WatchEvent.Type]
        NODE_DELETED: _ClassVar[WatchEvent.Type]
        NODE_DATA_CHANGED: _ClassVar[WatchEvent.Type]
        NODE_CHILDREN_CHANGED: _ClassVar[WatchEvent.Type]
        ARMED: _ClassVar[WatchEvent.Type]
    TYPE_UNSPECIFIED: WatchEvent.Type
    NODE_CREATED: WatchEvent.Type
    NODE_DELETED: WatchEvent.Type
    NODE_DATA_CHANGED: WatchEvent.Type
    NODE_CHILDREN_CHANGED: WatchEvent.Type
    ARMED: WatchEvent.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    ZXID_FIELD_NUMBER: _ClassVar[int]
    type: WatchEvent.Type
    path: str
    zxid: int
    def __init__(self, type: _Optional[_Union[WatchEvent.Type, str]] = ..., path: _Optional[str] = ..., zxid: _Optional[int] = ...) -> None: ...

class ErrorInfo(_message.Message):
    __slots__ = ("code", "name", "path", "operation", "zxid")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    ZXID_FIELD_NUMBER: _ClassVar[int]
    code: int
    name: str
    path: str
    operation: int
    zxid: int
    def __init__(self, code: _Optional[int] = ..., name: _Optional[str] = ..., path: _Optional[str] = ..., operation: _Optional[int] = ..., zxid: _Optional[int] = ...) -> None: ...
