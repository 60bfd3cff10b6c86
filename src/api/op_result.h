#pragma once
// What apply_ops() tells of each op.

#include "api/perform.h"
#include "pg/subtransaction.h"

namespace txsync::api {

// What kept an op from being applied.
struct Problem
{
	int sqlstate = 0;
	std::string message;
	std::string detail;
};

Problem ProblemOf(const pg::Failure &failure);
Problem ProblemOf(const pg::Error &error);

// Nothing is wrong with the op itself: it may be sent again as it is.
bool IsDeferred(const Problem &problem);

// Neither an op's fault nor the data's: to be told as an error of the call.
bool IsOfTheCall(int sqlstate);

// Runs f in a subtransaction; tells what it failed with, if that is an op's.
template <class F>
std::optional<Problem>
Attempt(F &&f)
{
	std::optional<Problem> problem;
	try {
		pg::InSubtransaction(f);
	} catch (const pg::Failure &failure) {
		if (IsOfTheCall(failure.sqlstate))
			throw;
		problem = ProblemOf(failure);
	} catch (const pg::Error &error) {
		if (IsOfTheCall(error.data->sqlerrcode))
			throw;
		problem = ProblemOf(error);
	}
	return problem;
}

// Results, in memory of the current context. One that would have more than `room` bytes of content has none, and says
// so: whoever asked can read the entity, but what was applied cannot be told by an error.
JsonbValue *ResultOf(const core::Op &op, const Outcome &outcome, size_t room);
JsonbValue *ResultOf(const core::Op &op, const Problem &problem, size_t room);
JsonbValue *DeferredResult(const core::Op &op);

} // namespace txsync::api
