from django.db import migrations, models


def add_home(apps, schema_editor):
    apps.get_model("pages", "Page").objects.create(path="/", text="Welcome. This line is a row in PostgreSQL.")


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Page",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("path", models.CharField(max_length=200, unique=True)),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunPython(add_home),
    ]
