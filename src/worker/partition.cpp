#include "worker/partition.h"

#include "pg/compat.h"
#include "pg/encoding.h"
#include "pg/spi.h"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
}

namespace txsync::worker {

namespace {

constexpr int64_t kIds = 10'000'000; // of a partition

// Fills the columns of a row in the order of the table.
class Filler
{
public:
	explicit Filler(TupleTableSlot *row)
		: row_(row)
	{}

	void
	Value(Datum value)
	{
		row_->tts_isnull[at_] = false;
		row_->tts_values[at_++] = value;
	}

	void
	Null()
	{
		row_->tts_isnull[at_++] = true;
	}

	void
	Text(std::string_view text)
	{
		if (text.data() == nullptr)
			return Null();
		Value(TextDatum(text));
	}

	void
	Texts(const std::vector<std::string_view> &texts)
	{
		std::vector<Datum> elements;
		for (std::string_view text : texts)
			elements.push_back(TextDatum(text));
		Value(pg::Call([&] {
			return PointerGetDatum(
				construct_array(elements.data(), static_cast<int>(elements.size()), TEXTOID, -1, false, TYPALIGN_INT));
		}));
	}

	// Null for what jsonb does not hold, such as a number beyond numeric: anybody can write an annotation.
	void
	Json(std::string_view json)
	{
		if (json.empty())
			return Null();
		try {
			Value(pg::Call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(pg::FromUtf8(json))); }));
		} catch (const pg::Error &error) {
			if (!IsAboutTheValue(error.data->sqlerrcode))
				throw;
			pg::Call([&] { FreeErrorData(error.data); });
			Null();
		}
	}

private:
	// Errors of a function that has done nothing but to look at it.
	static bool
	IsAboutTheValue(int sqlstate)
	{
		int category = ERRCODE_TO_CATEGORY(sqlstate);
		return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	}

	static Datum
	TextDatum(std::string_view text)
	{
		return pg::Call([&] { return CStringGetTextDatum(pg::FromUtf8(text)); });
	}

	TupleTableSlot *row_;
	int at_ = 0;
};

} // namespace

void
Partition::Add(const core::Activity &activity, int64_t id, int64_t epoch)
{
	int64_t number = (id - 1) / kIds;
	if (number != number_) {
		Close();
		Open(number);
	}
	MemoryContext outer = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor_));
	TupleTableSlot *row = rows_[count_++];
	ExecClearTuple(row);
	Filler fill(row);
	fill.Value(Int64GetDatum(id));
	fill.Value(Int64GetDatum(epoch));
	fill.Value(LSNGetDatum(activity.position.commit_lsn));
	fill.Value(LSNGetDatum(activity.position.change_lsn));
	fill.Value(Int32GetDatum(static_cast<int32>(activity.position.row)));
	fill.Value(TransactionIdGetDatum(activity.xid));
	fill.Text(activity.origin);
	fill.Value(TimestampTzGetDatum(activity.committed_at));
	fill.Text(activity.entity_type);
	fill.Text(activity.entity_id);
	fill.Text(activity.organization_id);
	fill.Text(activity.old_organization_id);
	fill.Text(core::Name(activity.action));
	if (activity.changed_keys_known)
		fill.Texts(activity.changed_keys);
	else
		fill.Null();
	json_.Clear(SIZE_MAX);
	if (!activity.tx.IsNull())
		core::Write(json_, activity.tx);
	fill.Json(json_.View());
	fill.Text(activity.version);
	fill.Null(); // row_version
	fill.Json(activity.annotation);
	fill.Json(activity.payload);
	ExecStoreVirtualTuple(row);
	MemoryContextSwitchTo(outer);
	if (count_ == kRows)
		Flush();
}

void
Partition::Open(int64_t number)
{
	std::string name = "activity_" + std::to_string(number);
	auto find = [&] {
		return pg::Call([&] { return get_relname_relid(name.c_str(), get_namespace_oid("txsync", false)); });
	};
	if (!OidIsValid(find()))
		Create(number, name);
	Oid oid = find();
	pg::Call([&] {
		relation_ = table_open(oid, RowExclusiveLock);
		executor_ = CreateExecutorState();
		info_ = makeNode(ResultRelInfo);
		InitResultRelInfo(info_, relation_, 0, nullptr, 0);
		ExecOpenIndices(info_, false);
		bulk_ = GetBulkInsertState();
		for (TupleTableSlot *&row : rows_)
			row = MakeSingleTupleTableSlot(RelationGetDescr(relation_), &TTSOpsVirtual);
	});
	number_ = number;
}

// Attaching blocks nobody, as CREATE TABLE … PARTITION OF would. A member of the extension is not dumped.
void
Partition::Create(int64_t number, const std::string &name)
{
	pg::Spi spi;
	std::string parent = "txsync.activity";
	std::string table = "txsync." + name;
	spi.Execute("CREATE TABLE " + table + " (LIKE " + parent + " INCLUDING CONSTRAINTS)");
	spi.Execute("ALTER TABLE " + parent + " ATTACH PARTITION " + table + " FOR VALUES FROM (" +
				std::to_string(number * kIds + 1) + ") TO (" + std::to_string((number + 1) * kIds + 1) + ")");
	spi.Execute("ALTER EXTENSION txsync ADD TABLE " + table);
}

void
Partition::Flush()
{
	pg::Call([&] {
		MemoryContext outer = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor_));
		heap_multi_insert(relation_, rows_, count_, GetCurrentCommandId(true), 0, bulk_);
		MemoryContextSwitchTo(outer);
		for (int i = 0; i < count_; i++)
			pg::InsertIndexTuples(info_, rows_[i], executor_);
		for (int i = 0; i < count_; i++)
			ExecClearTuple(rows_[i]);
		ResetPerTupleExprContext(executor_);
	});
	count_ = 0;
}

void
Partition::Close()
{
	if (relation_ == nullptr)
		return;
	if (count_ > 0)
		Flush();
	pg::Call([&] {
		for (TupleTableSlot *row : rows_)
			ExecDropSingleTupleTableSlot(row);
		FreeBulkInsertState(bulk_);
		ExecCloseIndices(info_);
		FreeExecutorState(executor_);
		table_close(relation_, NoLock);
		CommandCounterIncrement();
	});
	relation_ = nullptr;
	number_ = -1;
}

} // namespace txsync::worker
