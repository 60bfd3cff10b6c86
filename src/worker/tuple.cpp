#include "worker/tuple.h"

#include "api/json_object.h"
#include "core/change.h"
#include "pg/call.h"
#include "pg/encoding.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
}

namespace txsync::worker {

namespace {

// Puts values into the columns in the order of the table.
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
			Null();
		else
			Value(FromUtf8(text));
	}

	void
	Texts(const std::vector<std::string_view> &texts)
	{
		Value(pg::Call([&] {
			auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * texts.size()));
			for (size_t i = 0; i < texts.size(); i++)
				elements[i] = PointerGetDatum(pg::TextFromUtf8(texts[i]));
			return PointerGetDatum(
				construct_array(elements, static_cast<int>(texts.size()), TEXTOID, -1, false, TYPALIGN_INT));
		}));
	}

	// Null for what jsonb does not hold, such as a number beyond numeric: anybody can write an annotation.
	void
	Json(std::string_view json)
	{
		if (json.empty())
			return Null();
		std::string_view text = pg::Call([&] { return pg::ViewFromUtf8(json); });
		if (std::optional<Datum> jsonb = api::ToDatumIfFits(text))
			Value(*jsonb);
		else
			Null();
	}

	void
	Tx(const core::Tx &tx)
	{
		if (tx.IsNull())
			return Null();
		Value(api::ToDatum(pg::Call([&] {
			return core::Tx{pg::ViewFromUtf8(tx.transaction_id), pg::ViewFromUtf8(tx.source_id),
							pg::ViewFromUtf8(tx.changed_field)};
		})));
	}

private:
	static Datum
	FromUtf8(std::string_view text)
	{
		return pg::Call([&] { return PointerGetDatum(pg::TextFromUtf8(text)); });
	}

	TupleTableSlot *row_;
	int at_ = 0;
};

} // namespace

void
Fill(TupleTableSlot *row, const core::Activity &activity, int64_t id, int64_t epoch)
{
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
	if (activity.old_organization_null)
		fill.Value(BoolGetDatum(true));
	else
		fill.Null();
	fill.Text(core::Name(activity.action));
	if (activity.changed_keys_known)
		fill.Texts(activity.changed_keys);
	else
		fill.Null();
	fill.Tx(activity.tx);
	fill.Text(activity.version);
	if (activity.row_version > 0)
		fill.Value(Int64GetDatum(static_cast<int64>(activity.row_version)));
	else
		fill.Null();
	fill.Json(activity.annotation);
	fill.Json(activity.payload);
	ExecStoreVirtualTuple(row);
}

} // namespace txsync::worker
