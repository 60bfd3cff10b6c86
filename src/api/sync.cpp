// sync(): what others did meanwhile, and then one's own ops, unless these are about what others did.

#include "api/apply.h"
#include "api/arguments.h"
#include "api/conflict.h"
#include "api/entity.h"
#include "api/ledger.h"
#include "api/page.h"
#include "api/table.h"
#include "api/try_read.h"
#include "api/value.h"
#include "core/conflict.h"
#include "pg/entry.h"

#include <algorithm>
#include <charconv>

extern "C" {
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

struct Options
{
	PageRequest page;
	bool atomic = false;
};

pg::Failure
BadOption(std::string_view name, const char *what)
{
	return {ERRCODE_INVALID_PARAMETER_VALUE, "option " + Quoted(name) + " must be " + what};
}

core::NameSet
ReadNames(std::string_view option, const core::JsonbEntry &value)
{
	auto names = core::TextsOf(value);
	if (!names)
		throw BadOption(option, "an array of texts");
	return core::NameSet({names->begin(), names->end()});
}

int64_t
ReadMax(const core::JsonbEntry &value)
{
	if (value.kind != Kind::kNumeric)
		throw BadOption("max", "from 1 to 1000");
	std::string text = TextOf(value);
	int64_t max = 0;
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), max);
	return error == std::errc() && end == text.data() + text.size() ? max : 0;
}

void
ReadOption(Options &options, std::string_view name, const core::JsonbEntry &value)
{
	if (name == "max") {
		options.page.max = ReadMax(value);
	} else if (name == "entityTypes") {
		options.page.filter.entity_types = ReadNames(name, value);
	} else if (name == "organizations") {
		options.page.filter.organizations = ReadNames(name, value);
	} else if (name == "atomic") {
		if (value.kind != Kind::kTrue && value.kind != Kind::kFalse)
			throw BadOption(name, "true or false");
		options.atomic = value.kind == Kind::kTrue;
	} else {
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE,
						  "there is no option " + Quoted(name),
						  {},
						  "Choose of: max, entityTypes, organizations, atomic."};
	}
}

Options
ReadOptions(const core::JsonbContainer &object)
{
	if (!object.IsObject())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "options must be an object"};
	Options options;
	for (const auto &[name, value] : object.Members()) {
		if (value.kind != Kind::kNull)
			ReadOption(options, name, value);
	}
	return options;
}

// Whether the op wants a state that it has seen: what adds to whatever is there, and where the last write wins, does
// not.
bool
IsExclusive(const Entity &entity, const core::Op &op)
{
	if (op.action != core::OpAction::kUpdate)
		return op.action == core::OpAction::kDelete; // a create says that there is nothing to be seen
	bool sets = op.operation == core::Operation::kSet || op.operation == core::Operation::kSetNow;
	bool expects = op.expects || op.expected_version;
	return (sets || expects) && !core::Names(entity.tracking.lww, op.tx.changed_field);
}

// Whether the client made the change itself.
bool
IsOwn(const Told &change, const core::Op &op)
{
	std::string_view id = change.tx.transaction_id;
	auto is_it = [&](std::string_view own) { return core::SameId(own, id); };
	return id.data() != nullptr && (is_it(op.tx.transaction_id) || std::ranges::any_of(op.replaces, is_it));
}

// Whether the change is of the op's field. A delete is of all fields. A change that does not say of which may be of
// any: an op that expects a version is judged by the row's own when it is applied.
bool
IsOfField(const Told &change, const core::Op &op)
{
	if (change.action != core::Action::kUpdate || op.action != core::OpAction::kUpdate)
		return true;
	if (!change.changed_keys_known && change.tx.changed_field.data() == nullptr)
		return !op.expects;
	return change.tx.changed_field == op.tx.changed_field ||
		   std::ranges::find(change.changed_keys, op.tx.changed_field) != change.changed_keys.end();
}

// The op's id as changes have it; as the op has it where it is none.
std::string
IdOf(const Entity &entity, const core::Op &op)
{
	std::string id(op.entity_id);
	TryRead([&] { id = entity.ids.Read(op.entity_id).id; });
	return id;
}

// Whether the op expects what another one left behind, as its id says: then the row's own versions tell.
bool
Expects(const core::Op &op, std::string_view id)
{
	return op.expects && id.data() != nullptr && core::SameId(op.expected_transaction_id, id);
}

// A conflict if others have changed what the op is about, and the client did not know of it. `before` are the
// ids of ops of the same call that are to be applied before it.
std::optional<pg::Failure>
ConflictOf(const core::Op &op, std::span<const Told> changes, std::span<const std::string_view> before)
{
	std::shared_ptr<const Entity> entity = FindEntity(op.entity_type);
	if (entity == nullptr || !IsExclusive(*entity, op))
		return std::nullopt;
	std::string id = IdOf(*entity, op);
	auto touches = [&](const Told &change) {
		bool is_row = change.action <= core::Action::kDelete && change.entity_id == id;
		bool is_of_entity = is_row || change.action == core::Action::kTruncate;
		return change.entity_type == op.entity_type && is_of_entity && !IsOwn(change, op) && IsOfField(change, op);
	};
	auto last = std::ranges::find_if(changes.rbegin(), changes.rend(), touches);
	if (last == changes.rend() || IsClaimed(op.tx.transaction_id)) // the ledger has the answer for a duplicate
		return std::nullopt;
	auto builds_on = [&](std::string_view id) { return Expects(op, id); };
	if (Expects(op, last->version) || (entity->tracking.tx && std::ranges::any_of(before, builds_on)))
		return std::nullopt;
	return FieldConflict(op.entity_type, op.entity_id, {op.tx.changed_field, op.expected_transaction_id},
						 last->version);
}

Datum
Sync(FunctionCallInfo fcinfo)
{
	static constexpr const char *kNames[] = {"cursor", "ops", "options"};
	for (int i = 0; i < 3; i++)
		Require(fcinfo, i, kNames[i]);
	Options options = ReadOptions(core::JsonbContainer(JsonbArgument(fcinfo, 2)));
	options.page.cursor = TextArgument(fcinfo, 0);
	Page page = ReadPage(options.page);
	ApplyOptions apply;
	apply.atomic = options.atomic;
	apply.deferred = page.has_more;
	std::vector<std::string_view> before;
	apply.refuse = [&](const core::Op &op) {
		std::optional<pg::Failure> refusal;
		if (!apply.deferred)
			refusal = ConflictOf(op, page.changes, before);
		if (!refusal)
			before.push_back(op.tx.transaction_id);
		return refusal;
	};
	Datum results = ApplyOps(core::JsonbContainer(JsonbArgument(fcinfo, 1)), apply);
	return ToDatum([&](core::Buffer &json, const Fits &fits) {
		json.Append('{');
		Write(json, page, fits);
		json.Append(",\"results\":");
		json.Append(pg::Call([&] {
			Jsonb *jsonb = DatumGetJsonbP(results);
			return std::string_view(JsonbToCString(nullptr, &jsonb->root, static_cast<int>(VARSIZE(jsonb))));
		}));
		json.Append('}');
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(sync_changes);

PGDLLEXPORT Datum
sync_changes(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Sync(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
