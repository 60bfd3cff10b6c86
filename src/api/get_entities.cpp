// get_entities(): entities that are named, as the caller may read them now.

#include "api/arguments.h"
#include "api/rows.h"
#include "core/json.h"
#include "pg/entry.h"

#include <map>

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

constexpr uint32_t kMostPointers = 100;

struct Pointer
{
	std::string_view entity_type;
	std::string_view entity_id;
};

pg::Failure
BadPointers()
{
	return {ERRCODE_INVALID_PARAMETER_VALUE,
			"pointers must be an array of 1 to 100 objects with texts entityType and entityId"};
}

// A text that is a member of an object.
std::string_view
TextOf(const core::JsonbContainer &object, std::string_view name)
{
	core::JsonbEntry member = object.Find(name);
	if (member.kind != Kind::kString)
		throw BadPointers();
	return member.bytes;
}

std::vector<Pointer>
ReadPointers(const core::JsonbContainer &array)
{
	if (array.IsObject() || array.IsScalar() || array.Count() < 1 || array.Count() > kMostPointers)
		throw BadPointers();
	std::vector<Pointer> pointers;
	for (const core::JsonbEntry &element : array.Elements()) {
		core::JsonbContainer object(element.kind == Kind::kContainer ? element.bytes : std::string_view());
		if (element.kind != Kind::kContainer || !object.IsObject())
			throw BadPointers();
		pointers.push_back({TextOf(object, "entityType"), TextOf(object, "entityId")});
	}
	return pointers;
}

// The rows of one type; none of them is there for whoever may not read the table.
std::vector<Row>
ReadOfType(std::string_view entity_type, std::span<const std::string_view> ids)
{
	std::vector<Row> nothing(ids.size());
	if (!TableOf(entity_type))
		throw UnknownEntityType(entity_type);
	std::shared_ptr<const Entity> entity = FindReadable(entity_type);
	if (entity == nullptr)
		return nothing;
	Readable readable(*entity);
	return readable.HasId() ? ReadRows(*entity, readable, ids) : nothing;
}

std::vector<Row>
ReadAll(std::span<const Pointer> pointers)
{
	std::map<std::string_view, std::vector<size_t>> types;
	for (size_t i = 0; i < pointers.size(); i++)
		types[pointers[i].entity_type].push_back(i);
	std::vector<Row> rows(pointers.size());
	for (const auto &[entity_type, places] : types) {
		std::vector<std::string_view> ids;
		for (size_t place : places)
			ids.push_back(pointers[place].entity_id);
		std::vector<Row> of_type = ReadOfType(entity_type, ids);
		for (size_t i = 0; i < places.size(); i++)
			rows[places[i]] = of_type[i];
	}
	return rows;
}

void
WritePointed(core::Buffer &out, const Pointer &pointer, const Row &row, const Fits &fits)
{
	out.Append("{\"entityType\":");
	core::json::String(out, pointer.entity_type);
	out.Append(",\"entityId\":");
	core::json::String(out, pointer.entity_id);
	out.Append(',');
	Write(out, row, fits);
	out.Append(",\"versions\":");
	out.Append(row.versions.data() != nullptr ? row.versions : "null");
	out.Append('}');
}

Datum
GetEntities(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "pointers");
	std::vector<Pointer> pointers = ReadPointers(core::JsonbContainer(JsonbArgument(fcinfo, 0)));
	std::vector<Row> rows = ReadAll(pointers);
	return ToDatum([&](core::Buffer &json, const Fits &fits) {
		for (size_t i = 0; i < pointers.size(); i++) {
			json.Append(i == 0 ? '[' : ',');
			WritePointed(json, pointers[i], rows[i], fits);
		}
		json.Append(']');
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(get_entities);

PGDLLEXPORT Datum
get_entities(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return GetEntities(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
