#include "api/try_read.h"

#include "api/errors.h"
#include "pg/subtransaction.h"

#include <algorithm>

namespace txsync::api {

bool
KeepsFromReading(int sqlstate)
{
	static constexpr int kClasses[] = {ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, ERRCODE_DATA_EXCEPTION,
									   ERRCODE_INVALID_SCHEMA_NAME, errors::kInvalidEntityId.sqlstate};
	return std::ranges::any_of(kClasses,
							   [&](int its) { return ERRCODE_TO_CATEGORY(its) == ERRCODE_TO_CATEGORY(sqlstate); });
}

int
TryRead(const std::function<void()> &read, bool (*keeps_from_reading)(int sqlstate))
{
	auto rethrow_unless_its = [&](int sqlstate) {
		if (!keeps_from_reading(sqlstate))
			throw;
		return sqlstate;
	};
	try {
		pg::InSubtransaction(read);
		return 0;
	} catch (const pg::Failure &failure) {
		return rethrow_unless_its(failure.sqlstate);
	} catch (const pg::Error &error) {
		return rethrow_unless_its(error.data->sqlerrcode);
	}
}

Keys
ReadKeys(const IdReader &reader, std::span<const std::string_view> ids)
{
	Keys read;
	auto add = [&](size_t place) {
		read.keys.push_back(reader.Read(ids[place]));
		read.places.push_back(place);
	};
	auto add_all = [&] {
		for (size_t i = 0; i < ids.size(); i++)
			add(i);
	};
	if (TryRead(add_all) == 0)
		return read;
	read = {};
	for (size_t i = 0; i < ids.size(); i++)
		TryRead([&] { add(i); });
	return read;
}

} // namespace txsync::api
