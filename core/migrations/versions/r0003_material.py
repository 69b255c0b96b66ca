"""Documents, their passages and the search index; conversations and their turns."""

import sqlalchemy as sa
from alembic import op

from mentorai.core.database import Instant
from mentorai.core.index import check_fts5

revision = "0003"
down_revision = "0002"

INDEX = {
    "sqlite": (
        """CREATE VIRTUAL TABLE passage_words USING fts5(scope, title, body,
        tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'")""",
        """CREATE TRIGGER passages_leave_index AFTER DELETE ON passages
        BEGIN DELETE FROM passage_words WHERE rowid = old.id; END""",
    ),
    "postgresql": (
        """CREATE TABLE passage_words (
        passage_id BIGINT PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
        title TEXT NOT NULL, body TEXT NOT NULL, terms TSVECTOR NOT NULL)""",
        "CREATE INDEX ix_passage_words_terms ON passage_words USING gin (terms)",
    ),
}


def upgrade() -> None:
    check_fts5(op.get_bind())
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("context_id", sa.String(length=36), nullable=True),
        sa.Column("key_id", sa.String(length=36), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["mentors.id"],
            name="fk_conversations_mentor_id_mentors",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_conversations_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name="fk_conversations_person_id_people",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_index(
        "ix_conversations_mentor_id_updated_at",
        "conversations",
        ["mentor_id", "updated_at"],
        unique=False,
    )
    op.create_index("ix_conversations_person_id", "conversations", ["person_id"], unique=False)
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organization_id", sa.String(length=36), nullable=False),
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("training_status", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("access", sa.String(length=16), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("trained_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["mentors.id"], name="fk_datasets_mentor_id_mentors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_datasets_organization_id_organizations",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("mentor_id", "name", name="uq_datasets_mentor_id_name"),
    )
    op.create_table(
        "word_counts",
        sa.Column("mentor_id", sa.String(length=36), nullable=False),
        sa.Column("word", sa.String(length=80), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mentor_id"],
            ["mentors.id"],
            name="fk_word_counts_mentor_id_mentors",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mentor_id", "word", name="pk_word_counts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dataset_texts",
        sa.Column("dataset_id", sa.String(length=36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name="fk_dataset_texts_dataset_id_datasets",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_dataset_texts"),
    )
    op.create_table(
        "passages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name="fk_passages_dataset_id_datasets",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_passages"),
        sa.UniqueConstraint("dataset_id", "ordinal", name="uq_passages_dataset_id_ordinal"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("citations", sa.JSON(), nullable=False),
        sa.Column("weak_match", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_turns_conversation_id_conversations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.UniqueConstraint("conversation_id", "ordinal", name="uq_turns_conversation_id_ordinal"),
    )
    connection = op.get_bind()
    for statement in INDEX[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER passages_leave_index")
    op.execute("DROP TABLE passage_words")
    op.drop_table("turns")
    op.drop_table("passages")
    op.drop_table("dataset_texts")
    op.drop_table("word_counts")
    op.drop_table("datasets")
    op.drop_table("conversations")
