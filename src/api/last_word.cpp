#include "api/last_word.h"

#include "api/attach.h"
#include "api/entity.h"
#include "api/spi_value.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

// All of these run as the extension's owner, and every name in them is the catalog's own. `+ 0` keeps the server from
// going through the changelog by its ids, where the index of entities leads to a few of them.

// $1: the entity type. What stands before its last truncate, which has no entity, does not count; nor does what
// retention may take at any moment.
constexpr char kBegin[] =
	"SELECT coalesce(pg_catalog.max(e.id OPERATOR(pg_catalog.+) 0::pg_catalog.int8), 0),"
	" (SELECT coalesce(pg_catalog.max(s.floor), 0) FROM txsync.capture_state s) FROM txsync.activity e"
	" WHERE pg_catalog.left(e.entity_id, 200) IS NULL AND e.entity_type OPERATOR(pg_catalog.=) $1"
	" AND e.action OPERATOR(pg_catalog.=) 'truncate'";

// $2: ids of entities; $3: behind which to look.
constexpr char kLastWords[] =
	"SELECT l.id, l.action OPERATOR(pg_catalog.<>) 'delete', l.org_id, l.row_version"
	" FROM ROWS FROM (pg_catalog.unnest($2)) WITH ORDINALITY u (entity_id, n) LEFT JOIN LATERAL ("
	"SELECT a.id, a.action, a.org_id, a.row_version FROM txsync.activity a"
	" WHERE pg_catalog.left(a.entity_id, 200) OPERATOR(pg_catalog.=) pg_catalog.left(u.entity_id, 200)"
	" AND a.entity_type OPERATOR(pg_catalog.=) $1 AND a.entity_id OPERATOR(pg_catalog.=) u.entity_id"
	" AND a.action OPERATOR(pg_catalog.=) ANY ('{create,update,delete}') AND a.id OPERATOR(pg_catalog.>) $3"
	" ORDER BY a.id OPERATOR(pg_catalog.+) 0::pg_catalog.int8 DESC LIMIT 1) l ON true ORDER BY u.n";

// $1: the activity behind which to look; $2: how many.
constexpr char kReadTo[] = "SELECT pg_catalog.max(r.id) FROM (SELECT a.id FROM txsync.activity a"
						   " WHERE a.id OPERATOR(pg_catalog.>) $1 ORDER BY a.id LIMIT $2) r";

// $2, $3: activities between which to look.
constexpr char kMentions[] =
	"SELECT a.id, a.entity_id FROM txsync.activity a WHERE a.id OPERATOR(pg_catalog.>) $2"
	" AND a.id OPERATOR(pg_catalog.<=) $3 AND a.entity_type OPERATOR(pg_catalog.=) $1"
	" AND a.action OPERATOR(pg_catalog.=) ANY ('{create,update}') AND a.entity_id IS NOT NULL ORDER BY a.id";

constexpr int64_t kActivities = 5000;

constinit SPIPlanPtr begin_plan = nullptr;
constinit SPIPlanPtr last_words_plan = nullptr;
constinit SPIPlanPtr read_to_plan = nullptr;
constinit SPIPlanPtr mentions_plan = nullptr;

pg::Spi::Parameter
Bigint(int64_t number)
{
	return {INT8OID, Int64GetDatum(number)};
}

const char *
Text(uint64_t row, int column)
{
	return pg::Call([&] { return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column); });
}

struct Begin
{
	int64_t truncate;
	int64_t floor;
};

Begin
FindBegin(pg::Spi &spi, const pg::Spi::Parameter &entity_type)
{
	spi.Execute(begin_plan, kBegin, {&entity_type, 1});
	return {Number(0, 1), Number(0, 2)};
}

} // namespace

std::vector<LastWord>
LastWords(const std::string &entity_type, const std::vector<std::string> &ids)
{
	if (ids.empty())
		return {};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	pg::Spi::Parameter type = TextParameter(entity_type);
	Begin begin = FindBegin(spi, type);
	const pg::Spi::Parameter parameters[] = {type,
											 TextsParameter(std::vector<std::string_view>(ids.begin(), ids.end())),
											 Bigint(std::max(begin.truncate, begin.floor))};
	uint64_t rows = spi.Execute(last_words_plan, kLastWords, parameters);
	std::vector<LastWord> words(rows);
	for (uint64_t i = 0; i < rows; i++) {
		LastWord &word = words[i];
		word.id = Number(i, 1);
		word.exists = word.id != 0 && *Text(i, 2) == 't';
		word.may_be_forgotten = word.id == 0 && begin.floor > begin.truncate;
		if (const char *organization = Text(i, 3))
			word.organization = organization;
		word.row_version = Number(i, 4);
	}
	return words;
}

std::vector<std::string>
Existing(const std::string &entity_type, int64_t &after)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	const pg::Spi::Parameter place[] = {Bigint(after), Bigint(kActivities)};
	spi.Execute(read_to_plan, kReadTo, place);
	int64_t read_to = Number(0, 1);
	if (read_to == 0) {
		after = 0;
		return {};
	}
	const pg::Spi::Parameter parameters[] = {TextParameter(entity_type), Bigint(after), Bigint(read_to)};
	uint64_t rows = spi.Execute(mentions_plan, kMentions, parameters);
	std::vector<int64_t> activities(rows);
	std::vector<std::string> ids(rows);
	for (uint64_t i = 0; i < rows; i++) {
		activities[i] = Number(i, 1);
		ids[i] = Text(i, 2);
	}
	std::vector<LastWord> words = LastWords(entity_type, ids);
	std::vector<std::string> existing;
	for (uint64_t i = 0; i < rows; i++) {
		if (words[i].exists && words[i].id == activities[i])
			existing.push_back(std::move(ids[i]));
	}
	after = read_to;
	return existing;
}

} // namespace txsync::api
