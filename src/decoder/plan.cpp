#include "decoder/plan.h"

#include "core/json.h"
#include "pg/memory.h"
#include "pg/root.h"
#include "pg/trigger.h"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "nodes/value.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace txsync::decoder {

// The server can register invalidation callbacks but not take them back, so they outlive every session: this list of
// the living ones, in practice none or one, is what they find.
struct Invalidations
{
	static inline constinit bool registered = false;
	static inline constinit Plans *living = nullptr;

	static void
	Tell(Oid relation) noexcept
	{
		for (Plans *plans = living; plans != nullptr; plans = plans->next_)
			plans->Invalidate(relation);
	}

	static void
	Register()
	{
		if (registered)
			return;
		pg::Call([] {
			CacheRegisterRelcacheCallback([](Datum, Oid relation) { Tell(relation); }, 0);
			// A table's relcache does not tell of other names: of its schema and its publications. Those of a
			// partition's root are told by the root's row type, which goes by the same name.
			for (int cache : {TYPEOID, NAMESPACEOID, PUBLICATIONOID})
				CacheRegisterSyscacheCallback(
					cache, [](Datum, int, uint32) { Tell(InvalidOid); }, 0);
		});
		registered = true;
	}
};

namespace {

// The columns that the WAL has of an old row. Offset by FirstLowInvalidHeapAttributeNumber. While decoding no index is
// opened, since others may have it locked; who compares tables with the changelog does not decode.
const Bitmapset *
IdentityColumns(Relation relation)
{
	return pg::Call([&] {
		return HistoricSnapshotActive() ? RelationGetIdentityKeyBitmap(relation)
										: RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	});
}

class Compiler
{
public:
	Compiler(Relation relation, const core::Tracking &tracking, const Published *published, Values &values)
		: desc_(RelationGetDescr(relation))
		, tracking_(tracking)
		, published_(published)
		, values_(values)
		, identity_(IdentityColumns(relation))
	{
		plan_->relation = RelationGetRelid(relation);
		plan_->full_identity = relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
	}

	std::unique_ptr<Plan>
	Compile(bool trigger_ran)
	{
		plan_->entity_type = values_.ToUtf8(tracking_.entity_type);
		for (int i = 0; i < desc_->natts; i++)
			Add(TupleDescAttr(desc_, i), i);
		for (const std::string &id : tracking_.id_columns)
			AddId(id);
		plan_->trigger_ran = trigger_ran && tracking_.tx && plan_->tx_index >= 0;
		plan_->published = published_;
		plan_->notify_full = tracking_.notify_full;
		plan_->withheld = hidden_found_ < tracking_.hidden.size();
		MakeRoom();
		return std::move(plan_);
	}

private:
	void
	Add(Form_pg_attribute attribute, int index)
	{
		// Virtual generated columns ('v', from 18 on) are not stored, hence not in the WAL.
		if (attribute->attisdropped || attribute->attgenerated == 'v')
			return;
		std::string_view name = NameStr(attribute->attname);
		if (core::IsHidden(tracking_, name)) {
			hidden_found_ += core::Names(tracking_.hidden, name) ? 1 : 0;
			plan_->unseen.push_back(Describe(attribute, index));
			return;
		}
		if (name == pg::kTxColumn && attribute->atttypid == JSONBOID) {
			plan_->tx_index = index;
			return;
		}
		if (name == pg::kVersionsColumn && attribute->atttypid == BYTEAOID) {
			plan_->versions_index = index;
			return;
		}
		Column column = Describe(attribute, index);
		if (name == tracking_.org_column)
			plan_->org = column;
		bool shown = published_ == nullptr || published_->Shows(attribute->attnum);
		(shown ? plan_->columns : plan_->unseen).push_back(std::move(column));
	}

	void
	AddId(std::string_view name)
	{
		for (int i = 0; i < desc_->natts; i++) {
			Form_pg_attribute attribute = TupleDescAttr(desc_, i);
			if (attribute->attisdropped || name != NameStr(attribute->attname))
				continue;
			plan_->ids.push_back(Describe(attribute, i));
			plan_->ids_in_identity = plan_->ids_in_identity && plan_->ids.back().identity;
		}
	}

	Column
	Describe(Form_pg_attribute attribute, int index)
	{
		Column column;
		column.name = values_.ToUtf8(NameStr(attribute->attname));
		core::Buffer key;
		key.Append(',');
		core::json::Key(key, column.name);
		column.key = key.View();
		column.index = index;
		column.type = &values_.TypeOf(attribute->atttypid);
		column.bookkeeping = core::IsBookkeeping(tracking_, NameStr(attribute->attname));
		column.identity =
			plan_->full_identity || bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, identity_);
		return column;
	}

	void
	MakeRoom()
	{
		auto natts = static_cast<size_t>(desc_->natts);
		plan_->new_values.resize(natts);
		plan_->old_values.resize(natts);
		plan_->new_nulls = std::make_unique<bool[]>(natts);
		plan_->old_nulls = std::make_unique<bool[]>(natts);
		plan_->changed.reserve(natts);
		plan_->unchanged.reserve(natts);
	}

	TupleDesc desc_;
	const core::Tracking &tracking_;
	const Published *published_;
	Values &values_;
	const Bitmapset *identity_;
	size_t hidden_found_ = 0;
	std::unique_ptr<Plan> plan_ = std::make_unique<Plan>();
};

const Published *
FindPublished(Relation relation, const std::vector<std::string> &publications, MemoryContext memory)
{
	return pg::Call([&] {
		List *names = NIL;
		for (const std::string &name : publications)
			names = lappend(names, makeString(pstrdup(name.c_str())));
		return Published::Find(relation, names, memory);
	});
}

// A partition goes by the name of the table that is tracked, its root.
bool
PassesTable(Relation relation, const core::Filter &filter)
{
	struct Name
	{
		const char *schema;
		const char *table;
	};
	Oid root = pg::RootOf(relation);
	Name name = pg::Call([&] { return Name{get_namespace_name(get_rel_namespace(root)), get_rel_name(root)}; });
	return name.schema != nullptr && name.table != nullptr && filter.PassesTable(name.schema, name.table);
}

} // namespace

Plans::Plans(Values &values, const Options &options, MemoryContext memory)
	: values_(values)
	, options_(options)
	, memory_(memory)
{
	Invalidations::Register();
	next_ = Invalidations::living;
	Invalidations::living = this;
	stale_oids_.reserve(1024);
}

Plans::~Plans()
{
	Plans **at = &Invalidations::living;
	while (*at != this)
		at = &(*at)->next_;
	*at = next_;
}

void
Plans::Invalidate(Oid relation) noexcept
{
	stale_ = true;
	// Nothing may be allocated here: beyond the reserved room everything counts as stale.
	if (!OidIsValid(relation) || stale_oids_.size() == stale_oids_.capacity())
		all_stale_ = true;
	else
		stale_oids_.push_back(relation);
}

void
Plans::Sweep()
{
	last_oid_ = InvalidOid;
	last_ = nullptr;
	if (all_stale_) {
		for (auto &[oid, plan] : plans_)
			Discard(plan.get());
		plans_.clear();
		values_.Forget();
	}
	for (Oid oid : stale_oids_) {
		auto at = plans_.find(oid);
		if (at == plans_.end())
			continue;
		Discard(at->second.get());
		plans_.erase(at);
	}
	stale_oids_.clear();
	stale_ = false;
	all_stale_ = false;
}

// What a plan holds in memory contexts; the end of the session takes it along as well.
void
Plans::Discard(Plan *plan)
{
	if (plan != nullptr && plan->memory != nullptr)
		pg::Call([&] { MemoryContextDelete(plan->memory); });
}

std::unique_ptr<Plan>
Plans::Compile(Relation relation)
{
	pg::ContextScope scope(values_.Scratch());
	const Trigger *trigger = pg::FindRowTrigger(relation);
	if (trigger == nullptr)
		return nullptr;
	bool trigger_ran = pg::FiresAlways(*trigger);
	std::optional<core::Tracking> tracking = core::ParseTracking(pg::Arguments(*trigger));
	if (!tracking)
		return nullptr;
	if (!options_.filter.PassesEntityType(tracking->entity_type) || !PassesTable(relation, options_.filter))
		return nullptr;
	MemoryContext memory = nullptr;
	const Published *published = nullptr;
	if (!options_.publications.empty()) {
		memory = pg::Call([&] { return AllocSetContextCreate(memory_, "txsync publications", ALLOCSET_SMALL_SIZES); });
		published = FindPublished(relation, options_.publications, memory);
		if (published == nullptr) {
			pg::Call([&] { MemoryContextDelete(memory); });
			return nullptr;
		}
	}
	std::unique_ptr<Plan> plan = Compiler(relation, *tracking, published, values_).Compile(trigger_ran);
	plan->memory = memory;
	return plan;
}

void
Plans::Find(Relation relation)
{
	if (stale_)
		Sweep();
	Oid oid = RelationGetRelid(relation);
	auto at = plans_.find(oid);
	if (at == plans_.end())
		at = plans_.emplace(oid, Compile(relation)).first;
	last_oid_ = oid;
	last_ = at->second.get();
}

} // namespace txsync::decoder
