#pragma once
// Errors that clients act on: SQLSTATEs of class TX, each with a stable code and a DETAIL that is JSON. docs/errors.md
// lists them.

#include "pg/error.h"

#include <initializer_list>
#include <span>
#include <variant>

namespace txsync::api {

struct ErrorKind
{
	int sqlstate;
	const char *code;
	int http_status;
};

namespace errors {

inline constexpr ErrorKind kFieldConflict{MAKE_SQLSTATE('T', 'X', '0', '0', '1'), "FIELD_CONFLICT", 409};
inline constexpr ErrorKind kVersionConflict{MAKE_SQLSTATE('T', 'X', '0', '0', '2'), "VERSION_CONFLICT", 409};
inline constexpr ErrorKind kDuplicateTransaction{MAKE_SQLSTATE('T', 'X', '0', '0', '3'), "DUPLICATE_TRANSACTION", 409};
inline constexpr ErrorKind kDuplicateMismatch{MAKE_SQLSTATE('T', 'X', '0', '0', '4'), "DUPLICATE_MISMATCH", 409};
inline constexpr ErrorKind kTxMismatch{MAKE_SQLSTATE('T', 'X', '0', '0', '5'), "TX_MISMATCH", 422};
inline constexpr ErrorKind kInvalidTx{MAKE_SQLSTATE('T', 'X', '0', '0', '6'), "INVALID_TX", 422};
inline constexpr ErrorKind kInvalidTransactionId{MAKE_SQLSTATE('T', 'X', '0', '0', '7'), "INVALID_TRANSACTION_ID", 422};
inline constexpr ErrorKind kTooOld{MAKE_SQLSTATE('T', 'X', '0', '0', '8'), "TOO_OLD", 410};
inline constexpr ErrorKind kStreamBehind{MAKE_SQLSTATE('T', 'X', '0', '0', '9'), "STREAM_BEHIND", 409};
inline constexpr ErrorKind kClockSkew{MAKE_SQLSTATE('T', 'X', '0', '1', '0'), "CLOCK_SKEW", 422};
inline constexpr ErrorKind kUnknownEntityType{MAKE_SQLSTATE('T', 'X', '0', '1', '1'), "UNKNOWN_ENTITY_TYPE", 422};
inline constexpr ErrorKind kUnknownField{MAKE_SQLSTATE('T', 'X', '0', '1', '2'), "UNKNOWN_FIELD", 422};
inline constexpr ErrorKind kEmptyMutation{MAKE_SQLSTATE('T', 'X', '0', '1', '3'), "EMPTY_MUTATION", 422};
inline constexpr ErrorKind kInvalidOp{MAKE_SQLSTATE('T', 'X', '0', '1', '4'), "INVALID_OP", 422};
inline constexpr ErrorKind kProtectedField{MAKE_SQLSTATE('T', 'X', '0', '1', '5'), "PROTECTED_FIELD", 422};
inline constexpr ErrorKind kEntityNotFound{MAKE_SQLSTATE('T', 'X', '0', '1', '6'), "ENTITY_NOT_FOUND", 404};
inline constexpr ErrorKind kMutationRejected{MAKE_SQLSTATE('T', 'X', '0', '1', '7'), "MUTATION_REJECTED", 409};
inline constexpr ErrorKind kInvalidEntityId{MAKE_SQLSTATE('T', 'X', '0', '1', '8'), "INVALID_ENTITY_ID", 422};
inline constexpr ErrorKind kCursorInvalid{MAKE_SQLSTATE('T', 'X', '0', '1', '9'), "CURSOR_INVALID", 400};
inline constexpr ErrorKind kCursorForeign{MAKE_SQLSTATE('T', 'X', '0', '2', '0'), "CURSOR_FOREIGN", 410};
inline constexpr ErrorKind kCursorAhead{MAKE_SQLSTATE('T', 'X', '0', '2', '1'), "CURSOR_AHEAD", 410};
inline constexpr ErrorKind kCursorExpired{MAKE_SQLSTATE('T', 'X', '0', '2', '2'), "CURSOR_EXPIRED", 410};
inline constexpr ErrorKind kCursorFilter{MAKE_SQLSTATE('T', 'X', '0', '2', '3'), "CURSOR_FILTER", 400};

} // namespace errors

// A member of the DETAIL besides code and httpStatus. A text with data() == nullptr is null.
struct Member
{
	std::string_view name;
	std::variant<std::string_view, int64_t> value;
};

// `{"code":…,"httpStatus":…, members…}`, in the database's encoding.
std::string ErrorDetail(const ErrorKind &kind, std::span<const Member> members);

// What is to be thrown. A member's name and value need only live as long as the call.
pg::Failure Fail(const ErrorKind &kind, std::string message, std::initializer_list<Member> members = {},
				 std::string hint = {});

} // namespace txsync::api
