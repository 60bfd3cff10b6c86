#include "api/entity_data.h"

#include "api/readable.h"
#include "api/to_json.h"
#include "api/try_read.h"
#include "pg/memory.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

std::optional<Datum>
ReadData(const Entity &entity, std::string_view entity_id)
{
	Readable readable(entity);
	if (readable.columns.empty())
		return std::nullopt;
	std::string sql =
		"SELECT " + RecordOf(readable.List()) + " FROM " + entity.rows + " t WHERE " + entity.ids.Condition();
	EntityKey key = entity.ids.Read(entity_id);
	MemoryContext context = CurrentMemoryContext;
	pg::Spi spi;
	if (spi.Execute(entity.Plan(sql), sql.c_str(), key.values) == 0)
		return std::nullopt;
	bool null = true;
	Datum record = pg::Call([&] { return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null); });
	pg::ContextScope scope(context);
	return ToJson(RECORDOID, context, false)(record);
}

std::optional<Datum>
TryReadData(std::string_view entity_type, std::string_view entity_id)
{
	std::optional<Datum> data;
	TryRead([&] {
		if (std::shared_ptr<const Entity> entity = FindEntity(entity_type))
			data = ReadData(*entity, entity_id);
	});
	return data;
}

} // namespace txsync::api
